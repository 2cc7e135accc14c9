package powerauthtest_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

func ExampleGenerateActivationCode() {
	generated, err := powerauthtest.GenerateActivationCode(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	code, err := protocol.ParseActivationCode(string(generated))
	fmt.Println(code == generated, err)
	// Output: true <nil>
}

func ExampleFormatAuthorizationHeader() {
	text := powerauthtest.FormatAuthorizationHeader(&protocol.AuthorizationHeader{
		ActivationID: "7a24c6e9-48e9-43c2-ab4a-aed6270e924d", ApplicationKey: "Z19gyYaW5kb521fYWN0aXZ==", Nonce: "too short",
		Factors: "possession_knowledge", Code: "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", Version: "3.1",
	})
	_, err := protocol.ParseAuthorizationHeader(text)
	fmt.Println(err)
	// Output: powerauth: not a PowerAuth authorization header: pa_nonce missing or malformed
}

func TestGeneratedActivationCodeConsistsOfItsRandomBytes(t *testing.T) {
	t.Parallel()
	code, err := powerauthtest.GenerateActivationCode(bytes.NewReader(make([]byte, 10)))
	require.NoError(t, err)
	assert.Equal(t, "AAAAA-AAAAA-AAAAA-AAAAA", string(code))

	_, err = powerauthtest.GenerateActivationCode(strings.NewReader("too short"))
	assert.Error(t, err)

	seen := make(map[protocol.ActivationCode]bool)
	for range 200 {
		code, err := powerauthtest.GenerateActivationCode(nil)
		require.NoError(t, err)
		parsed, err := protocol.ParseActivationCode(string(code))
		require.NoError(t, err)
		assert.Equal(t, code, parsed)
		seen[code] = true
	}
	assert.Len(t, seen, 200)
}

func TestInvalidOfflineQRIsNotWritten(t *testing.T) {
	t.Parallel()
	good := protocol.OfflineQR{OperationID: "id", DataText: "A2", Nonce: "AD8bOO0Df73kNaIGb3Vmpg==", KeyType: protocol.OfflineKeyMaster}
	sign := func([]byte) ([]byte, error) { return make([]byte, 70), nil }
	_, err := powerauthtest.FormatOfflineQR(&good, sign)
	require.NoError(t, err)

	for name, change := range map[string]func(*protocol.OfflineQR){
		"id of two lines": func(q *protocol.OfflineQR) { q.OperationID = "id\nTitle" },
		"tab in message":  func(q *protocol.OfflineQR) { q.Message = "\t" },
		"malformed data":  func(q *protocol.OfflineQR) { q.DataText = "A1*AxCZK" },
		"no data":         func(q *protocol.OfflineQR) { q.DataText, q.Data.Template = "", 100 },
		"no nonce":        func(q *protocol.OfflineQR) { q.Nonce = "" },
		"no key type":     func(q *protocol.OfflineQR) { q.KeyType = "" },
		"injected line":   func(q *protocol.OfflineQR) { q.ExtraLines = []string{"12345678\nx"} },
	} {
		q := good
		change(&q)
		text, err := powerauthtest.FormatOfflineQR(&q, sign)
		require.ErrorIs(t, err, protocol.ErrOfflineQR, name)
		assert.Empty(t, text, name)
	}
	errKey := errors.New("no key")
	_, err = powerauthtest.FormatOfflineQR(&good, func([]byte) ([]byte, error) { return nil, errKey })
	assert.ErrorIs(t, err, errKey)
}

func TestMobileSDKConfigIsNotWrittenWithInvalidParts(t *testing.T) {
	t.Parallel()
	good := pacrypto.EncodeBase64(make([]byte, 16))
	key, secret := protocol.ApplicationKey(good), identkit.Secret(good)
	for name, c := range map[string]*protocol.MobileSDKConfig{
		"no secret":     {AppKey: key},
		"short key":     {AppKey: "AAAA", AppSecret: secret},
		"not Base64":    {AppKey: "?", AppSecret: secret},
		"duplicate key": {AppKey: key, AppSecret: secret, Keys: []protocol.MobileSDKKey{{ID: 1}, {ID: 1}}},
		"long key":      {AppKey: key, AppSecret: secret, Keys: []protocol.MobileSDKKey{{ID: 1, Bytes: make([]byte, 1<<16)}}},
	} {
		_, err := powerauthtest.FormatMobileSDKConfig(c)
		assert.ErrorIs(t, err, protocol.ErrMobileSDKConfig, name)
	}
}
