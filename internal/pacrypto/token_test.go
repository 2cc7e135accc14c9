package pacrypto

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTokenDigestCoversTheVersionSince32(t *testing.T) {
	t.Parallel()
	secret, nonce, timestamp := Key{1, 2, 3}, []byte("0123456789abcdef"), "1700000000000"
	for version, data := range map[string]string{
		"3.0": "0123456789abcdef&1700000000000",
		"3.1": "0123456789abcdef&1700000000000",
		"3.2": "0123456789abcdef&1700000000000&3.2",
		"3.3": "0123456789abcdef&1700000000000&3.3",
	} {
		want := hmac.New(sha256.New, secret[:])
		want.Write([]byte(data))
		got, err := TokenDigest(secret, nonce, timestamp, version)
		require.NoError(t, err, version)
		assert.Equal(t, want.Sum(nil), got, version)
		assert.True(t, VerifyTokenDigest(secret, nonce, timestamp, version, got), version)
		assert.False(t, VerifyTokenDigest(Key{1, 2, 4}, nonce, timestamp, version, got), version)
		assert.False(t, VerifyTokenDigest(secret, nonce, "1700000000001", version, got), version)
		assert.False(t, VerifyTokenDigest(secret, nonce, timestamp, version, got[:31]), version)
	}
}

func TestTokenDigestOfUnknownVersionsIsNoDigest(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "2.1", "4.0", "3.4"} {
		_, err := TokenDigest(Key{}, nil, "", version)
		assert.Error(t, err, version)
		assert.False(t, VerifyTokenDigest(Key{}, nil, "", version, nil), version)
	}
}

func TestTOTPMatchesTheVendorsExample(t *testing.T) {
	t.Parallel()
	got, err := TOTP([]byte("12345678901234567890"), time.Date(2023, 4, 27, 1, 26, 29, 0, time.UTC))
	require.NoError(t, err)
	assert.Equal(t, "01760428", got)
}

// RFC 6238, appendix B, SHA-256.
func TestTOTPMatchesTheRFC(t *testing.T) {
	t.Parallel()
	seed := []byte("12345678901234567890123456789012")
	for unix, want := range map[int64]string{
		59: "46119246", 1111111109: "68084774", 1111111111: "67062674", 1234567890: "91819424", 2000000000: "90698825", 20000000000: "77737706",
	} {
		got, err := TOTP(seed, time.Unix(unix, 0))
		require.NoError(t, err)
		assert.Equal(t, want, got, unix)
	}
}

func TestTOTPMatchesPublishedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			TimeSeconds              int64
			TOTP, Algorithm, SeedHex string
		}
		Extra []struct {
			SeedUTF8, Algorithm, TOTP string
			UTC                       time.Time
		}
		Acceptance struct{ CurrentStep, OneStepBack, TwoStepsBack bool }
	}
	readVectors(t, "totp.json", &file)
	hashes := map[string]func() hash.Hash{"HmacSHA256": sha256.New, "HmacSHA512": sha512.New}
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		seed, err := hex.DecodeString(v.SeedHex)
		require.NoError(t, err)
		require.Contains(t, hashes, v.Algorithm)
		assert.Equal(t, v.TOTP, totp(hashes[v.Algorithm], seed, timeStep(time.Unix(v.TimeSeconds, 0))), v.TimeSeconds)
	}
	require.NotEmpty(t, file.Extra)
	for _, v := range file.Extra {
		require.Equal(t, "HmacSHA256", v.Algorithm)
		seed := []byte(v.SeedUTF8)
		got, err := TOTP(seed, v.UTC)
		require.NoError(t, err)
		assert.Equal(t, v.TOTP, got)
		assert.Equal(t, file.Acceptance.CurrentStep, VerifyTOTP(seed, v.TOTP, v.UTC))
		assert.Equal(t, file.Acceptance.OneStepBack, VerifyTOTP(seed, v.TOTP, v.UTC.Add(totpStep)))
		assert.Equal(t, file.Acceptance.TwoStepsBack, VerifyTOTP(seed, v.TOTP, v.UTC.Add(2*totpStep)))
	}
}

func TestTOTPIsAcceptedForItsStepAndTheNext(t *testing.T) {
	t.Parallel()
	seed := []byte("0123456789abcdef")
	at := time.Unix(1_700_000_010, 0) // the first second of a step
	code, err := TOTP(seed, at)
	require.NoError(t, err)
	for offset, want := range map[time.Duration]bool{
		-time.Second: false, 0: true, 29 * time.Second: true, 30 * time.Second: true, 59 * time.Second: true, 60 * time.Second: false,
	} {
		assert.Equal(t, want, VerifyTOTP(seed, code, at.Add(offset)), offset)
	}
	assert.False(t, VerifyTOTP(seed, "", at))
	assert.False(t, VerifyTOTP(seed, code[:7], at))
}

func TestTOTPNeedsALongSeed(t *testing.T) {
	t.Parallel()
	at := time.Unix(0, 0)
	_, err := TOTP([]byte("0123456789abcde"), at)
	require.Error(t, err)
	assert.False(t, VerifyTOTP(nil, totp(sha256.New, nil, timeStep(at)), at))
	_, err = TOTP(make([]byte, 16), time.Time{})
	assert.NoError(t, err, "a time before 1970 does no harm")
}
