package oauth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/oauth"
	"github.com/identkit/identkit/internal/wire"
)

func TestTokenResponsesAreReadInEveryForm(t *testing.T) {
	t.Parallel()
	for body, lifetime := range map[string]time.Duration{
		`{"access_token":"a","token_type":"Bearer","expires_in":3600}`:   time.Hour,
		`{"access_token":"a","token_type":"bearer","expires_in":"3600"}`: time.Hour,
		`{"access_token":"a","expires_in":3599.9}`:                       3599 * time.Second,
		`{"access_token":"a","expires_in":"12.5"}`:                       12 * time.Second,
		`{"access_token":"a","expires_in":"soon"}`:                       0,
		`{"access_token":"a","expires_in":null}`:                         0,
		`{"access_token":"a","expires_in":-1,"scope":["x"]}`:             0,
		"\xef\xbb\xbf" + `{"access_token":"a"}`:                          0,
	} {
		var r oauth.Response
		require.NoError(t, wire.Unmarshal([]byte(body), &r), body)
		require.NoError(t, r.Check(), body)
		assert.Equal(t, oauth.Token{Access: "a", Lifetime: lifetime}, r.Token(), body)
	}
	for _, body := range []string{
		`{}`, `{"access_token":""}`, `{"access_token":null}`, `{"Access_Token":"a"}`, `{"acce\u017f\u017f_token":"a"}`,
		`{"access_token":"a\r\nX: y"}`, `{"access_token":"ü"}`, `{"access_token":"a","token_type":"mac"}`,
	} {
		var r oauth.Response
		require.NoError(t, wire.Unmarshal([]byte(body), &r), body)
		require.Error(t, r.Check(), body)
	}
	for _, body := range []string{`{"access_token":"a","access_token":"b"}`, `{"access_token":7}`, `{"access_token":"[secret]"}`, `{"access_token":"\ud800"}`} {
		require.Error(t, wire.Unmarshal([]byte(body), new(oauth.Response)), body)
	}
}
