package protocol_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

// offlineText is the vendor's published text; the signature is a fixed test string that verifies nothing.
const (
	offlineNonce     = "AD8bOO0Df73kNaIGb3Vmpg=="
	offlineSignature = "MEYCIQDby1Uq+MaxiAAGzKmE/McHzNOUrvAP2qqGBvSgcdtyjgIhAMo1sgqNa1pPZTFBhhKvCKFLGDuHuTTYexdmHFjUUIJW"
	offlineData      = "A1*A100CZK*ICZ2730300000001165254011*D20180425*Thello world"
	offlineSigned    = "5ff1b1ed-a3cc-45a3-8ab0-ed60950312b6\nPayment\nPlease confirm this payment\n" + offlineData +
		"\nBCFX\n" + offlineNonce + "\n0"
	offlineText = offlineSigned + offlineSignature
)

func ExampleParseOfflineQR() {
	qr, err := protocol.ParseOfflineQR(offlineText)
	if err != nil {
		fmt.Println(err)
		return
	}
	amount, currency, _ := qr.Data.Fields[0].Amount()
	fmt.Println(qr.OperationID, qr.Title, amount, currency)
	fmt.Println(qr.Flags.Has(protocol.OfflineFlagBiometry), qr.Nonce, qr.KeyType == protocol.OfflineKeyMaster)
	// Output:
	// 5ff1b1ed-a3cc-45a3-8ab0-ed60950312b6 Payment 100 CZK
	// true AD8bOO0Df73kNaIGb3Vmpg== true
}

func ExampleNormalizeOfflineOTP() {
	otp, err := protocol.NormalizeOfflineOTP("1234-5678 9012-3456", 0)
	fmt.Println(otp.Reveal(), err)

	_, err = protocol.NormalizeOfflineOTP("1234-5678-9012-345", 0)
	fmt.Println(err)
	// Output:
	// 12345678-90123456 <nil>
	// powerauth: offline code malformed: it has 16 digits
}

func TestOfflineQRMatchesThePublishedText(t *testing.T) {
	t.Parallel()
	q, err := protocol.ParseOfflineQR(offlineText)
	require.NoError(t, err)
	assert.Equal(t, protocol.OperationID("5ff1b1ed-a3cc-45a3-8ab0-ed60950312b6"), q.OperationID)
	assert.Equal(t, "Payment", q.Title)
	assert.Equal(t, "Please confirm this payment", q.Message)
	assert.Equal(t, offlineData, q.DataText)
	assert.Len(t, q.Data.Fields, 4)
	for _, flag := range []protocol.OfflineFlag{
		protocol.OfflineFlagBiometry, protocol.OfflineFlagFlipButtons, protocol.OfflineFlagFraudWarning, protocol.OfflineFlagBlockOnCall,
	} {
		assert.True(t, q.Flags.Has(flag), flag)
	}
	assert.False(t, q.Flags.Has("Z"))
	assert.False(t, q.Flags.Has(""))
	assert.Equal(t, offlineSigned, q.SignedText())
	assert.Empty(t, q.ProximityOTP())
	assert.Empty(t, q.ExtraLines)
}

func TestOfflineQRKeepsExtraLinesBeforeTheNonce(t *testing.T) {
	t.Parallel()
	insert := func(lines string) string { return strings.Replace(offlineText, offlineNonce, lines+offlineNonce, 1) }
	q, err := protocol.ParseOfflineQR(insert("12345678\nnew attribute\n"))
	require.NoError(t, err)
	assert.Equal(t, "12345678", q.ProximityOTP())
	assert.Equal(t, []string{"12345678", "new attribute"}, q.ExtraLines)
	assert.Equal(t, offlineNonce, q.Nonce)

	q, err = protocol.ParseOfflineQR(insert("no code\n"))
	require.NoError(t, err)
	assert.Empty(t, q.ProximityOTP())
}

func TestOfflineQRRefusesMalformedTexts(t *testing.T) {
	t.Parallel()
	lines := strings.Split(offlineText, "\n")
	with := func(i int, line string) string {
		changed := append([]string(nil), lines...)
		changed[i] = line
		return strings.Join(changed, "\n")
	}
	for name, text := range map[string]string{
		"nothing":                     "",
		"six lines":                   strings.Join(lines[1:], "\n"),
		"no operation id":             with(0, ""),
		"control character in title":  with(1, "a\tb"),
		"carriage return":             strings.ReplaceAll(offlineText, "\n", "\r\n"),
		"not UTF-8":                   with(1, "\xff"),
		"no operation data":           with(3, ""),
		"malformed operation data":    with(3, "A1*AxCZK"),
		"no nonce":                    with(5, ""),
		"short nonce":                 with(5, "AAAA"),
		"long nonce":                  with(5, offlineSignature),
		"nothing after the nonce":     with(6, ""),
		"no signature":                with(6, "0"),
		"short signature":             with(6, "0AAAA"),
		"long signature":              with(6, "0"+strings.Repeat("AAAA", 86)),
		"signature not Base64":        with(6, "0"+offlineSignature+"="),
		"unknown key type":            with(6, "3"+offlineSignature),
		"key type 2 with a signature": with(6, "2"+offlineSignature),
		"key type of two bytes":       with(6, "ř"+offlineSignature),
		"line after the signature":    offlineText + "\n",
		"too long":                    with(1, strings.Repeat("x", 9000)),
	} {
		q, err := protocol.ParseOfflineQR(text)
		require.ErrorIs(t, err, protocol.ErrOfflineQR, name)
		assert.Nil(t, q, name)
		assertSilent(t, err, "5ff1b1ed", "Please", "CZ27", "AD8b", "MEYC")
	}
}

func TestOfflineQRSignatureCoversTheTextUpToTheKeyType(t *testing.T) {
	t.Parallel()
	private, err := pacrypto.GenerateKey()
	require.NoError(t, err)
	point, err := pacrypto.PublicKeyBytes(&private.PublicKey)
	require.NoError(t, err)
	key := publicKey(t, pacrypto.EncodeBase64(point))
	sign := func(text []byte) ([]byte, error) { return pacrypto.Sign(private, text) }

	q := &protocol.OfflineQR{
		OperationID: "id", Title: "Two\nlines", Message: `C:\new`, Flags: "B", Nonce: offlineNonce,
		Data: protocol.OperationData{Template: 2}, ExtraLines: []string{"12345678"}, KeyType: protocol.OfflineKeyPersonalized,
	}
	text, err := powerauthtest.FormatOfflineQR(q, sign)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "id\nTwo\\nlines\nC:\\\\new\nA2\nB\n12345678\n"+offlineNonce+"\n1"), text)

	read, err := protocol.ParseOfflineQR(text)
	require.NoError(t, err)
	assert.Equal(t, q.Title, read.Title)
	assert.Equal(t, q.Message, read.Message)
	require.NoError(t, read.Verify(key))

	for name, changed := range map[string]string{
		"title": strings.Replace(text, "Two", "Ten", 1), "code": strings.Replace(text, "12345678", "12345679", 1),
		"key type": strings.Replace(text, "\n1M", "\n0M", 1), "flags": strings.Replace(text, "\nB\n", "\nBX\n", 1),
	} {
		require.NotEqual(t, text, changed, name)
		forged, err := protocol.ParseOfflineQR(changed)
		require.NoError(t, err, name)
		assert.ErrorIs(t, forged.Verify(key), protocol.ErrSignature, name)
	}
	assert.ErrorIs(t, read.Verify(publicKey(t, signedKey)), protocol.ErrSignature, "other key")
	assert.ErrorIs(t, read.Verify(protocol.PublicKey{}), protocol.ErrSignature, "zero key")
	assert.ErrorIs(t, (&protocol.OfflineQR{Signature: read.Signature}).Verify(key), protocol.ErrSignature, "not parsed")
	published, err := protocol.ParseOfflineQR(offlineText)
	require.NoError(t, err)
	assert.ErrorIs(t, published.Verify(key), protocol.ErrSignature)
}

func TestOfflineQRWithMACCannotBeVerifiedLocally(t *testing.T) {
	t.Parallel()
	q, err := protocol.ParseOfflineQR(strings.TrimSuffix(offlineSigned, "0") + "2" + pacrypto.EncodeBase64(make([]byte, 32)))
	require.NoError(t, err)
	assert.Equal(t, protocol.OfflineKeyMAC, q.KeyType)
	assert.ErrorIs(t, q.Verify(publicKey(t, signedKey)), protocol.ErrSignature)
}

func TestTypedOfflineOTPHasTwoGroups(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"12345678-90123456":       "12345678-90123456",
		"1234-5678-9012-3456":     "12345678-90123456",
		"1234567890123456":        "12345678-90123456",
		" 1234 5678  9012 3456\n": "12345678-90123456",
		"00000000-00000001":       "00000000-00000001",
	} {
		got, err := protocol.NormalizeOfflineOTP(typed, 0)
		require.NoError(t, err, typed)
		assert.Equal(t, want, got.Reveal())
		assertSilent(t, got, want)
	}
	got, err := protocol.NormalizeOfflineOTP("1234 5678", 4)
	require.NoError(t, err)
	assert.Equal(t, "1234-5678", got.Reveal())
}

func TestOfflineOTPWithATypingErrorIsRefused(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{
		"", "-", "1234567-90123456", "12345678-901234567", "12345678-9012345o", "12345678_90123456", "12345678",
		"１２３４5678-90123456", "12345678\n90123456", strings.Repeat("-", 200) + "1234567890123456",
	} {
		got, err := protocol.NormalizeOfflineOTP(typed, 0)
		require.ErrorIs(t, err, protocol.ErrOfflineOTP, "%.40q", typed)
		assert.Empty(t, got.Reveal())
		assertSilent(t, err, "1234567", "9012")
	}
	for _, digits := range []int{-1, 3, 9} {
		_, err := protocol.NormalizeOfflineOTP("1234567890123456", digits)
		assert.ErrorIs(t, err, protocol.ErrOfflineOTP, digits)
	}
}

func TestOfflineQRsMatchPublishedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Name, QR, SignedData, Nonce string
			Valid                       bool
			TOTP                        *string
		}
	}
	readVectors(t, "offline-operation-qr.json", &file)
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		q, err := protocol.ParseOfflineQR(v.QR)
		require.Equal(t, v.Valid, err == nil, v.Name)
		if !v.Valid {
			continue
		}
		assert.Equal(t, v.SignedData, q.SignedText(), v.Name)
		assert.Equal(t, v.Nonce, q.Nonce, v.Name)
		totp := ""
		if v.TOTP != nil {
			totp = *v.TOTP
		}
		assert.Equal(t, totp, q.ProximityOTP(), v.Name)
	}
}

func FuzzOfflineQR(f *testing.F) {
	key, err := protocol.ParsePublicKey(signedKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := protocol.ParseOfflineQR(s)
		if err != nil {
			return
		}
		if !strings.HasPrefix(s, q.SignedText()) || q.SignedText() == "" {
			t.Fatalf("signed text %q is not a part of %q", q.SignedText(), s)
		}
		if q.Verify(key) == nil {
			t.Fatalf("verified %q", s)
		}
		// What was parsed can be written, except where unknown escapes make it longer than allowed.
		text, err := powerauthtest.FormatOfflineQR(q, func([]byte) ([]byte, error) { return q.Signature, nil })
		if err != nil {
			if len(s) > 4096 {
				return
			}
			t.Fatalf("cannot write what was parsed from %q: %v", s, err)
		}
		again, err := protocol.ParseOfflineQR(text)
		if err != nil || again.Title != q.Title || again.Message != q.Message || again.DataText != q.DataText || again.Nonce != q.Nonce {
			t.Fatalf("%q was written as %q", s, text)
		}
	})
}
