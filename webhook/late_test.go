package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
)

func TestAnEventThatAlwaysHangsDoesNotStarveTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]int{}
		h, err := webhook.NewHandler(webhook.Config[json.RawMessage]{
			Verify: accept, Decode: webhook.JSONList[json.RawMessage], DeduplicateWithin: time.Hour, Timeout: time.Second,
			Handle: func(ctx context.Context, e json.RawMessage) error {
				mu.Lock()
				seen[string(e)]++
				mu.Unlock()
				if string(e) == "1" {
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			},
		})
		require.NoError(t, err)
		for range 3 {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`[1,2,3]`))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			assert.Equal(t, http.StatusServiceUnavailable, w.Code)
			synctest.Wait()
		}
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, map[string]int{"1": 3, "2": 1, "3": 1}, seen)
	})
}

func TestBytesCannotMoveBetweenTheSignedParts(t *testing.T) {
	t.Parallel()
	keys, err := webhook.NewKeyring(webhook.Key{Secret: "secret", AllowShort: true})
	require.NoError(t, err)
	now := time.Unix(1780000000, 0)
	sign := func(text string) string {
		m := hmac.New(sha256.New, []byte("secret"))
		m.Write([]byte(text))
		return hex.EncodeToString(m.Sum(nil))
	}

	glued, err := webhook.NewHMAC(webhook.HMACConfig{Keys: keys, Header: "X-Sig", Content: "{body}{timestamp}", TimestampHeader: "X-Ts"})
	require.NoError(t, err)
	signature := sign("amount=1000" + "1780000000")
	verify := func(v webhook.Verifier, header http.Header, body string) error {
		_, err := webhook.VerifyRequest(t.Context(), v, &webhook.Request{Header: header, Body: []byte(body), Time: now})
		return err
	}
	require.NoError(t, verify(glued, http.Header{"X-Sig": {signature}, "X-Ts": {"1780000000"}}, "amount=1000"))
	require.Error(t, verify(glued, http.Header{"X-Sig": {signature}, "X-Ts": {"001780000000"}}, "amount=10"))

	set, err := webhook.NewHMAC(webhook.HMACConfig{Keys: keys, Header: "X-Sig", Content: "{id}--{body}", IDHeader: "X-Id"})
	require.NoError(t, err)
	signature = sign("x" + "--" + "-5")
	require.NoError(t, verify(set, http.Header{"X-Sig": {signature}, "X-Id": {"x"}}, "-5"))
	require.Error(t, verify(set, http.Header{"X-Sig": {signature}, "X-Id": {"x-"}}, "5"))
}

func TestAFullStoreFindsAnExpiredClaimAnywhere(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	s := webhook.NewMemoryStore(webhook.MemoryConfig{MaxEntries: 2, Clock: func() time.Time { return now }})
	_, err := s.Claim(t.Context(), "long", time.Hour)
	require.NoError(t, err)
	_, err = s.Claim(t.Context(), "short", time.Second)
	require.NoError(t, err)
	now = now.Add(time.Minute)
	_, err = s.Claim(t.Context(), "new", time.Second)
	require.NoError(t, err)
}

func TestNullIsNoEmptyBatch(t *testing.T) {
	t.Parallel()
	_, err := webhook.JSONList[int](&webhook.Delivery{Request: &webhook.Request{Body: []byte(" null ")}})
	require.ErrorIs(t, err, webhook.ErrInvalidEvent)
	events, err := webhook.JSONList[int](&webhook.Delivery{Request: &webhook.Request{Body: []byte("[]")}})
	require.NoError(t, err)
	assert.Empty(t, events)
}
