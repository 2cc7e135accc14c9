package pacrypto

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type derivedKeys struct {
	SignaturePossessionKey, SignatureKnowledgeKey, SignatureBiometryKey, TransportKey, VaultEncryptionKey string
}

func checkDerivedKeys(t *testing.T, master string, want derivedKeys) {
	t.Helper()
	got := DeriveKeys(key(t, master))
	assert.Equal(t, key(t, want.SignaturePossessionKey), got.Possession)
	assert.Equal(t, key(t, want.SignatureKnowledgeKey), got.Knowledge)
	assert.Equal(t, key(t, want.SignatureBiometryKey), got.Biometry)
	assert.Equal(t, key(t, want.TransportKey), got.Transport)
	assert.Equal(t, key(t, want.VaultEncryptionKey), got.Vault)
}

func TestDerivedKeysMatchOneVector(t *testing.T) {
	t.Parallel()
	checkDerivedKeys(t, "MAlCYLkgl98rx3qxj8EeBQ==", derivedKeys{
		SignaturePossessionKey: "SHMjpmaAcjmJ4U0il5JO4g==",
		SignatureKnowledgeKey:  "cEcVARzPVJugz/GCp7ltUw==",
		SignatureBiometryKey:   "V5xh9DAxK4t1pRfAfsoq3Q==",
		TransportKey:           "jIRX1MstKdtNPJLv1GPo4A==",
		VaultEncryptionKey:     "RTRPRbUueReUrYvEsJwwWQ==",
	})
}

func TestDerivedKeysMatchPublishedVectors(t *testing.T) {
	t.Parallel()
	var file cases[struct{ MasterSecretKey string }, derivedKeys]
	readVectors(t, "compute-derived-keys.json", &file)
	require.NotEmpty(t, file.Data)
	for _, c := range file.Data {
		checkDerivedKeys(t, c.Input.MasterSecretKey, c.Output)
	}
}

type keyPairs struct{ DevicePrivateKey, DevicePublicKey, ServerPrivateKey, ServerPublicKey string }

func checkMasterSecret(t *testing.T, in keyPairs, want string) {
	t.Helper()
	for side, pair := range map[string][2]string{
		"device": {in.DevicePrivateKey, in.ServerPublicKey}, "server": {in.ServerPrivateKey, in.DevicePublicKey},
	} {
		private, err := ParsePrivateKey(unbase64(t, pair[0]))
		require.NoError(t, err)
		public, err := ParsePublicKey(unbase64(t, pair[1]))
		require.NoError(t, err)
		got, err := MasterSecret(private, public)
		require.NoError(t, err)
		assert.Equal(t, key(t, want), got, side)
	}
}

func TestMasterSecretIsTheSameOnBothSides(t *testing.T) {
	t.Parallel()
	checkMasterSecret(t, keyPairs{
		DevicePrivateKey: "FEDIdLmVCDevX03YP1Yy1w07hmQ8TJmwZbaKfeSgw2A=",
		DevicePublicKey:  "BCqW2AOxEFYPlEgvEf7LqucQfZZ5gl+tbZF5w+cWQ1nZeNXb57Jir9D7UfmORGoN+i6fyIe06gc74UaqJTkyrEk=",
		ServerPrivateKey: "AKVANYlRqvB+gjdZh8qwCkxwfXmAp1rGCOV/bYVoD+oO",
		ServerPublicKey:  "BOhDPWUkvOD7m0XHD9QtH/CbwhldSj+YVJ5OslFp2qHIo1WbVca0SrbGCXSM2Jp6TzDFZ5wDrazZANWhOv0US6E=",
	}, "96JGHCKPT2YmaTDsLbvBrA==")
}

func TestMasterSecretMatchesPublishedVectors(t *testing.T) {
	t.Parallel()
	var file cases[keyPairs, struct{ MasterSecretKey string }]
	readVectors(t, "compute-master-secret-key.json", &file)
	require.NotEmpty(t, file.Data)
	for _, c := range file.Data {
		checkMasterSecret(t, c.Input, c.Output.MasterSecretKey)
	}
}

func TestMasterSecretNeedsBothKeys(t *testing.T) {
	t.Parallel()
	private, err := GenerateKey()
	require.NoError(t, err)
	_, err = MasterSecret(nil, &private.PublicKey)
	assert.Error(t, err)
	_, err = MasterSecret(private, nil)
	assert.Error(t, err)
}

func TestFactorsHaveSixCombinations(t *testing.T) {
	t.Parallel()
	keys := Keys{Possession: Key{1}, Knowledge: Key{2}, Biometry: Key{3}}
	for name, want := range map[string][]Key{
		"possession":                    {{1}},
		"knowledge":                     {{2}},
		"biometry":                      {{3}},
		"POSSESSION_KNOWLEDGE":          {{1}, {2}},
		"possession_biometry":           {{1}, {3}},
		"Possession_Knowledge_Biometry": {{1}, {2}, {3}},
	} {
		got, err := keys.For(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "knowledge_possession", "knowledge_biometry", "possession_", "possession knowledge", "pin"} {
		_, err := keys.For(name)
		assert.Error(t, err, name)
	}
}

func TestKeyHasOneSizeAndDoesNotShow(t *testing.T) {
	t.Parallel()
	_, err := ParseKey(make([]byte, 15))
	require.Error(t, err)
	k := Keys{Possession: Key{0xAB, 0xCD}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		text := fmt.Sprintf(verb, k)
		assert.NotContains(t, text, "171")
		assert.NotContains(t, text, "ab")
		assert.Contains(t, text, "[secret]")
	}
}
