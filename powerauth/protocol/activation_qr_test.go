package protocol_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/protocol"
)

func ExampleActivationQR_Verify() {
	key, err := protocol.ParsePublicKey(
		"BBIopY8zZ4nV02QHS4nGMXsqZUP94jrvR59MvLXtAINmG4VqqcBWo2DnIAevHAt5/TElIAP0TZP6kVcNt824EfQ=")
	if err != nil {
		fmt.Println(err)
		return
	}
	qr, err := protocol.ParseActivationQR("GYA4L-D4C7K-OP2NV-USYYQ#" +
		"MEYCIQCihC0iR9m/y0Kq+GcK75DFQVIInekVIWjqw3+QJtilYQIhALHZGVGij7ADgt3xOLZiTBxueIikC8zi8jQaMrDzDkCN")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(qr.Code), qr.Verify(key))

	qr.Code = "W65WE-3T7VI-7FBS2-A4OYA"
	fmt.Println(errors.Is(qr.Verify(key), protocol.ErrSignature))
	// Output:
	// GYA4L-D4C7K-OP2NV-USYYQ <nil>
	// true
}

func TestActivationQRHasCodeAndSignature(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"code and signature":   signedCode + "#" + signedSignature,
		"no signature":         signedCode,
		"stray padding bits":   signedCode + "#AB==",
		"signature of 3 bytes": signedCode + "#ABCD",
	} {
		q, err := protocol.ParseActivationQR(text)
		require.NoError(t, err, name)
		assert.Equal(t, signedCode, string(q.Code), name)
		assert.Equal(t, text, q.Text(), name)
	}
}

func TestActivationQRRefusesMalformedTexts(t *testing.T) {
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
		"wrong checksum":          "GYA4L-D4C7K-OP2NV-USYYA#" + signedSignature,
		"too long":                signedCode + "#" + strings.Repeat("ABCD", 1000),
	} {
		q, err := protocol.ParseActivationQR(text)
		require.ErrorIs(t, err, protocol.ErrActivationQR, name)
		assert.Zero(t, q, name)
		assertSilent(t, err, signedCode, "USYYA", signedSignature)
	}
	_, err := protocol.ParseActivationQR("GYA4L-D4C7K-OP2NV-USYYA")
	assert.ErrorIs(t, err, protocol.ErrActivationCode, "the code's own error is wrapped")
}

func TestActivationSignatureIsBoundToCodeAndKey(t *testing.T) {
	t.Parallel()
	key := publicKey(t, signedKey)
	good := protocol.ActivationQR{Code: signedCode, Signature: signedSignature}
	require.NoError(t, good.Verify(key))

	other, err := pacrypto.GenerateKey()
	require.NoError(t, err)
	point, err := pacrypto.PublicKeyBytes(&other.PublicKey)
	require.NoError(t, err)
	assert.ErrorIs(t, good.Verify(publicKey(t, pacrypto.EncodeBase64(point))), protocol.ErrSignature, "other key")
	assert.ErrorIs(t, good.Verify(protocol.PublicKey{}), protocol.ErrSignature, "zero key")

	for name, q := range map[string]protocol.ActivationQR{
		"other code":         {Code: "W65WE-3T7VI-7FBS2-A4OYA", Signature: signedSignature},
		"code in lower case": {Code: protocol.ActivationCode(strings.ToLower(signedCode)), Signature: signedSignature},
		"code without dash":  {Code: protocol.ActivationCode(strings.ReplaceAll(signedCode, "-", "")), Signature: signedSignature},
		"no signature":       {Code: signedCode},
		"not Base64":         {Code: signedCode, Signature: "?"},
		"not DER":            {Code: signedCode, Signature: "AAAA"},
		"zero value":         {},
	} {
		assert.ErrorIs(t, q.Verify(key), protocol.ErrSignature, name)
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
		code, err := protocol.ParseActivationCode(c.Input.ActivationCode)
		require.NoError(t, err)
		assert.NoError(t, protocol.ActivationQR{Code: code, Signature: c.Output.ActivationSignature}.Verify(key))

		scalar, err := pacrypto.DecodeBase64(c.Input.MasterPrivateKey)
		require.NoError(t, err)
		private, err := pacrypto.ParsePrivateKey(scalar)
		require.NoError(t, err)
		signature, err := pacrypto.Sign(private, []byte(code))
		require.NoError(t, err)
		assert.NoError(t, protocol.ActivationQR{Code: code, Signature: pacrypto.EncodeBase64(signature)}.Verify(key), "our own signature")
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
		q, err := protocol.ParseActivationQR(v.ActivationQRCodeData)
		require.NoError(t, err)
		assert.Equal(t, v.Valid, q.Verify(publicKey(t, v.MasterServerPublicKey)) == nil)
	}
}

func FuzzActivationQR(f *testing.F) {
	key, err := protocol.ParsePublicKey(signedKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := protocol.ParseActivationQR(s)
		if err != nil {
			if q != (protocol.ActivationQR{}) {
				t.Fatal("a refused text has a value")
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
