package powerauthtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

func published(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "vectors", "powerauth", file))
	if os.IsNotExist(err) {
		t.Skipf("published vectors are not beside this checkout: %s", file)
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}

type codeVectors struct {
	Data []struct {
		Input struct {
			Possession []byte `json:"signaturePossessionKey"`
			Knowledge  []byte `json:"signatureKnowledgeKey"`
			Biometry   []byte `json:"signatureBiometryKey"`
			Type       string `json:"signatureType"`
			Counter    []byte `json:"counterData"`
			Data       []byte `json:"data"`
			Length     int    `json:"signatureComponentLength,string"`
		} `json:"input"`
		Output struct {
			Signature string `json:"signature"`
		} `json:"output"`
	} `json:"data"`
}

// The phone's own path to a code, PIN included, and the fake's verification agree with the vendor's vectors.
func TestPhoneAndFakeMatchPublishedCodes(t *testing.T) {
	t.Parallel()
	for file, version := range map[string]string{"signatures-v31.json": "3.1", "signatures-v3.json": "3.0", "signatures-offline.json": "offline"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			var vectors codeVectors
			published(t, file, &vectors)
			srv := New(Options{})
			t.Cleanup(srv.Close)
			seen := map[string]int{}
			for _, v := range vectors.Data {
				in := v.Input
				user := inputs{biometry: slices.Contains(factorsOf(in.Type), pacrypto.Biometry)}
				if slices.Contains(factorsOf(in.Type), pacrypto.Knowledge) {
					pin := identkit.Secret("1234")
					user.pin = &pin
				}
				if string(user.factors()) != in.Type {
					continue // a phone computes no code without possession
				}
				seen[in.Type]++
				compute := func(keys []pacrypto.Key, ctr pacrypto.Counter) (string, error) {
					if version == "offline" {
						return pacrypto.DecimalCode(in.Data, keys, ctr, in.Length)
					}
					return requestCode(version, in.Data, keys, ctr)
				}
				keys := pacrypto.Keys{
					Possession: pacrypto.Key(in.Possession), Knowledge: pacrypto.Key(in.Knowledge), Biometry: pacrypto.Key(in.Biometry),
				}
				p := &phone{
					possession: keys.Possession, biometry: keys.Biometry, knowledge: sealKey(keys.Knowledge, "1234"),
					counter: pacrypto.Counter(in.Counter),
				}
				code, err := p.code(user, compute)
				require.NoError(t, err)
				require.Equal(t, v.Output.Signature, code)

				r := &registration{status: powerauth.RegistrationActive, pairing: &pairing{keys: keys, counter: pacrypto.Counter(in.Counter)}}
				_, valid := srv.verify(r, time.Now(), claim{factors: protocol.Factors(in.Type), code: code, compute: compute})
				require.True(t, valid)
				assert.Equal(t, p.counter, r.pairing.counter, "both counters are equal")
			}
			assert.GreaterOrEqual(t, len(seen), 2)
		})
	}
}

func factorsOf(name string) []string {
	factors, _ := pacrypto.SplitFactors(name)
	return factors
}

func TestPhoneVerifiesPublishedActivationSignatures(t *testing.T) {
	t.Parallel()
	var vectors struct {
		Data []struct {
			Input struct {
				Code      string `json:"activationCode"`
				MasterKey string `json:"masterPublicKey"`
			} `json:"input"`
			Output struct {
				Signature string `json:"activationSignature"`
			} `json:"output"`
		} `json:"data"`
	}
	published(t, "verify-activation-data-signature-v3.json", &vectors)
	for i, v := range vectors.Data {
		master, err := protocol.ParsePublicKey(v.Input.MasterKey)
		require.NoError(t, err)
		p := &phone{master: master}
		code, err := p.read(identkit.Secret(v.Input.Code + "#" + v.Output.Signature))
		require.NoError(t, err)
		assert.Equal(t, v.Input.Code, string(code))
		other := vectors.Data[(i+1)%len(vectors.Data)]
		_, err = p.read(identkit.Secret(v.Input.Code + "#" + other.Output.Signature))
		require.ErrorIs(t, err, protocol.ErrSignature)
	}
}

func TestPhoneReadsPublishedProximityTexts(t *testing.T) {
	t.Parallel()
	var vectors struct {
		Vectors []struct {
			Input       string  `json:"input"`
			OperationID string  `json:"operationId"`
			TOTP        *string `json:"totp"`
		} `json:"vectors"`
		Invalid []string `json:"invalid"`
	}
	published(t, "proximity-qr-deeplink.json", &vectors)
	for _, v := range vectors.Vectors {
		otp, err := readProximity(v.Input, powerauth.OperationID(v.OperationID))
		require.NoError(t, err)
		assert.Equal(t, value(v.TOTP), otp)
		_, err = readProximity(v.Input, "another")
		require.ErrorIs(t, err, ErrNoOperation)
	}
	for _, text := range vectors.Invalid {
		_, err := readProximity(text, "any")
		require.Error(t, err)
	}
	otp, err := readProximity("12345678", "any")
	require.NoError(t, err)
	assert.Equal(t, "12345678", otp)
}
