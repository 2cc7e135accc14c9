package powerauthtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/protocol"
)

func TestOfflineBaseStringHasIDDataAndProximityCode(t *testing.T) {
	t.Parallel()
	q := &protocol.OfflineQR{OperationID: "5ff1b1ed-a3cc-45a3-8ab0-ed60950312b6", DataText: "A1*A100CZK", Nonce: "AD8bOO0Df73kNaIGb3Vmpg=="}
	nonce, err := pacrypto.DecodeBase64(q.Nonce)
	require.NoError(t, err)
	want := func(body string) string {
		return protocol.SignatureBaseString("POST", "/operation/authorize/offline", nonce, []byte(body))
	}
	got, err := offlineBaseString(q)
	require.NoError(t, err)
	assert.Equal(t, want("5ff1b1ed-a3cc-45a3-8ab0-ed60950312b6&A1*A100CZK"), got)

	q.ExtraLines = []string{"12345678"}
	got, err = offlineBaseString(q)
	require.NoError(t, err)
	assert.Equal(t, want("5ff1b1ed-a3cc-45a3-8ab0-ed60950312b6&A1*A100CZK&12345678"), got)

	q.Nonce = "?"
	_, err = offlineBaseString(q)
	assert.ErrorIs(t, err, protocol.ErrOfflineQR)
}

func TestParametersAreSignedAsTheirQuery(t *testing.T) {
	t.Parallel()
	signed := func(pairs ...string) string {
		params := make(map[string]*string)
		for i := 0; i < len(pairs); i += 2 {
			params[pairs[i]] = &pairs[i+1]
		}
		query, err := canonicalParams(params)
		require.NoError(t, err)
		return string(query)
	}
	want, err := protocol.CanonicalQuery("to=CZ+1&%C5%99=~&amount=10.5")
	require.NoError(t, err)
	assert.Equal(t, want, signed("to", "CZ 1", "amount", "10.5", "ř", "~"))
	assert.Empty(t, signed())
	assert.Equal(t, "a=%EF%BF%BD", signed("a", "\xff"))

	long := strings.Repeat("a", 1<<16)
	_, err = canonicalParams(map[string]*string{"a": &long})
	assert.ErrorIs(t, err, protocol.ErrQuery)
}
