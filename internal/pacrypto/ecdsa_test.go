package pacrypto

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSignatureVerifiesWithItsKeyAndTextAlone(t *testing.T) {
	t.Parallel()
	private, err := GenerateKey()
	require.NoError(t, err)
	other, err := GenerateKey()
	require.NoError(t, err)
	sig, err := Sign(private, []byte("text"))
	require.NoError(t, err)

	assert.True(t, Verify(&private.PublicKey, []byte("text"), sig))
	assert.False(t, Verify(&private.PublicKey, []byte("texts"), sig))
	assert.False(t, Verify(&other.PublicKey, []byte("text"), sig))
	assert.False(t, Verify(&private.PublicKey, []byte("text"), sig[:len(sig)-1]))
	assert.False(t, Verify(&private.PublicKey, []byte("text"), append(sig, 0)))
	assert.False(t, Verify(&private.PublicKey, []byte("text"), nil))
	assert.False(t, Verify(nil, []byte("text"), sig))
	assert.False(t, Verify(&ecdsa.PublicKey{}, []byte("text"), sig))
}

func TestPublicKeyComesAsPointOrSubjectPublicKeyInfo(t *testing.T) {
	t.Parallel()
	private, err := GenerateKey()
	require.NoError(t, err)
	point, err := PublicKeyBytes(&private.PublicKey)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	require.NoError(t, err)

	for name, b := range map[string][]byte{"point": point, "SubjectPublicKeyInfo": der} {
		got, err := ParsePublicKey(b)
		require.NoError(t, err, name)
		assert.True(t, private.PublicKey.Equal(got), name)
	}
}

func TestPublicKeyRefusesOtherCurvesAndOtherForms(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	foreign, err := x509.MarshalPKIXPublicKey(&p384.PublicKey)
	require.NoError(t, err)
	off := make([]byte, pointSize)
	off[0], off[64] = 4, 1

	for name, b := range map[string][]byte{
		"nothing": nil, "P-384": foreign, "off the curve": off, "infinity": {0},
		"compressed": append([]byte{2}, make([]byte, 32)...), "too long": make([]byte, 1<<20),
	} {
		_, err := ParsePublicKey(b)
		assert.Error(t, err, name)
	}
	_, err = PublicKeyBytes(&p384.PublicKey)
	assert.Error(t, err)
}

func TestPrivateKeyMayLackLeadingZerosOrHaveMore(t *testing.T) {
	t.Parallel()
	short, err := ParsePrivateKey([]byte{5})
	require.NoError(t, err)
	long, err := ParsePrivateKey(append(make([]byte, 40), 5))
	require.NoError(t, err)
	assert.True(t, short.Equal(long))

	for name, b := range map[string][]byte{"zero": {0}, "nothing": nil, "too long": append([]byte{1}, make([]byte, 32)...)} {
		_, err := ParsePrivateKey(b)
		assert.Error(t, err, name)
	}
	_, err = Sign(nil, nil)
	assert.Error(t, err)
}
