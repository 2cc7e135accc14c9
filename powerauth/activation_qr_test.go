package powerauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth"
)

func ExampleActivationQR_Verify() {
	key, err := powerauth.ParseMasterPublicKey(
		"BBIopY8zZ4nV02QHS4nGMXsqZUP94jrvR59MvLXtAINmG4VqqcBWo2DnIAevHAt5/TElIAP0TZP6kVcNt824EfQ=")
	if err != nil {
		fmt.Println(err)
		return
	}
	qr, err := powerauth.ParseActivationQR("GYA4L-D4C7K-OP2NV-USYYQ#" +
		"MEYCIQCihC0iR9m/y0Kq+GcK75DFQVIInekVIWjqw3+QJtilYQIhALHZGVGij7ADgt3xOLZiTBxueIikC8zi8jQaMrDzDkCN")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(qr.Code), qr.Verify(key))

	qr.Code = "W65WE-3T7VI-7FBS2-A4OYA"
	fmt.Println(errors.Is(qr.Verify(key), powerauth.ErrSignature))
	// Output:
	// GYA4L-D4C7K-OP2NV-USYYQ <nil>
	// true
}

func TestActivationQRParts(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"code and signature":      signedCode + "#" + signedSignature,
		"no signature":            signedCode,
		"stray padding bits":      signedCode + "#AB==",
		"signature of three byte": signedCode + "#ABCD",
	} {
		q, err := powerauth.ParseActivationQR(text)
		require.NoError(t, err, name)
		assert.Equal(t, signedCode, string(q.Code), name)
		assert.Equal(t, text, q.Text(), name)
	}
}

func TestActivationQRRefusals(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                 "",
		"only a mark":             "#",
		"no code":                 "#" + signedSignature,
		"nothing after the mark":  signedCode + "#",
		"second mark":             signedCode + "#AB#",
		"second mark at the end":  signedCode + "#ABCD#",
		"no padding":              signedCode + "#AB",
		"not Base64":              signedCode + "#ABA-=",
		"line break in signature": signedCode + "#AB\nCD",
		"recovery code":           "R:" + signedCode,
		"broken code":             "GYA4L-D4C7K-OP2NV-USYYA#" + signedSignature,
		"too long":                signedCode + "#" + strings.Repeat("ABCD", 1000),
	} {
		q, err := powerauth.ParseActivationQR(text)
		require.ErrorIs(t, err, powerauth.ErrActivationQR, name)
		assert.Zero(t, q, name)
		assertSilent(t, err, signedCode, "USYYA", signedSignature)
	}
	_, err := powerauth.ParseActivationQR("GYA4L-D4C7K-OP2NV-USYYA")
	assert.ErrorIs(t, err, powerauth.ErrActivationCode, "the code's own error stays reachable")
}

func TestActivationSignatureIsBoundToCodeAndKey(t *testing.T) {
	t.Parallel()
	key := publicKey(t, signedKey)
	require.NoError(t, powerauth.VerifyActivationSignature(key, signedCode, signedSignature))

	other, err := pacrypto.GenerateKey()
	require.NoError(t, err)
	point, err := pacrypto.PublicKeyBytes(&other.PublicKey)
	require.NoError(t, err)

	for name, err := range map[string]error{
		"other code":        powerauth.VerifyActivationSignature(key, "W65WE-3T7VI-7FBS2-A4OYA", signedSignature),
		"code in lower":     powerauth.VerifyActivationSignature(key, powerauth.ActivationCode(strings.ToLower(signedCode)), signedSignature),
		"code without dash": powerauth.VerifyActivationSignature(key, powerauth.ActivationCode(strings.ReplaceAll(signedCode, "-", "")), signedSignature),
		"other key":         powerauth.VerifyActivationSignature(publicKey(t, pacrypto.EncodeBase64(point)), signedCode, signedSignature),
		"zero key":          powerauth.VerifyActivationSignature(powerauth.PublicKey{}, signedCode, signedSignature),
		"no signature":      powerauth.VerifyActivationSignature(key, signedCode, ""),
		"not Base64":        powerauth.VerifyActivationSignature(key, signedCode, "?"),
		"not DER":           powerauth.VerifyActivationSignature(key, signedCode, "AAAA"),
		"zero QR":           powerauth.ActivationQR{}.Verify(key),
	} {
		assert.ErrorIs(t, err, powerauth.ErrSignature, name)
	}
}

func TestActivationSignaturesMatchPublishedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Data []struct {
			Input  struct{ ActivationCode, MasterPrivateKey, MasterPublicKey string }
			Output struct{ ActivationSignature string }
		}
	}
	readVectors(t, "verify-activation-data-signature-v3.json", &file)
	require.NotEmpty(t, file.Data)
	for _, c := range file.Data {
		key := publicKey(t, c.Input.MasterPublicKey)
		code, err := powerauth.ParseActivationCode(c.Input.ActivationCode)
		require.NoError(t, err)
		assert.NoError(t, powerauth.VerifyActivationSignature(key, code, c.Output.ActivationSignature))

		scalar, err := pacrypto.DecodeBase64(c.Input.MasterPrivateKey)
		require.NoError(t, err)
		private, err := pacrypto.ParsePrivateKey(scalar)
		require.NoError(t, err)
		made, err := pacrypto.Sign(private, []byte(code))
		require.NoError(t, err)
		assert.NoError(t, powerauth.VerifyActivationSignature(key, code, pacrypto.EncodeBase64(made)), "what we sign")
	}
}

func TestLiveActivationSignaturesVerify(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			MasterServerPublicKey, ActivationQRCodeData string
			Valid                                       bool
		}
	}
	readVectors(t, "activation-signature-live.json", &file)
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		q, err := powerauth.ParseActivationQR(v.ActivationQRCodeData)
		require.NoError(t, err)
		assert.Equal(t, v.Valid, q.Verify(publicKey(t, v.MasterServerPublicKey)) == nil)
	}
}

func TestMasterPublicKeyComesInTwoEncodings(t *testing.T) {
	t.Parallel()
	point := publicKey(t, signedKey)
	assert.Equal(t, signedKey, point.String())

	raw, err := base64.StdEncoding.DecodeString(signedKey)
	require.NoError(t, err)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	info := publicKey(t, base64.StdEncoding.EncodeToString(der))
	assert.Equal(t, signedKey, info.String())
	assert.NoError(t, powerauth.VerifyActivationSignature(info, signedCode, signedSignature))
}

func TestMasterPublicKeyRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&p384.PublicKey)
	require.NoError(t, err)
	for name, s := range map[string]string{
		"nothing": "", "not Base64": "?", "P-384": base64.StdEncoding.EncodeToString(der), "cut": signedKey[:84],
		"off the curve": "BA" + signedKey[2:84] + "AAA=", "too long": strings.Repeat("AAAA", 1000), "PEM": "-----BEGIN PUBLIC KEY-----",
	} {
		key, err := powerauth.ParseMasterPublicKey(s)
		require.ErrorIs(t, err, powerauth.ErrPublicKey, name)
		assert.Zero(t, key, name)
		assert.Empty(t, key.String(), name)
	}
}

func FuzzActivationQR(f *testing.F) {
	key, err := powerauth.ParseMasterPublicKey(signedKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := powerauth.ParseActivationQR(s)
		if err != nil {
			if q != (powerauth.ActivationQR{}) {
				t.Fatal("a refused text left something behind")
			}
			return
		}
		if q.Text() != s {
			t.Fatalf("parsed %q, wrote %q", s, q.Text())
		}
		if q.Verify(key) == nil && (q.Code != signedCode || q.Signature == "") {
			t.Fatalf("verified %q", s)
		}
	})
}
