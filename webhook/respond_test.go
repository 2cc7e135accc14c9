package webhook_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
)

func TestObserversDoNotDelayTheResponse(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	h, err := webhook.NewHandler(webhook.Config[any]{
		Verify: accept, Handle: func(context.Context, any) error { return nil },
		Observer: identkit.Observer{Delivery: func(context.Context, identkit.DeliveryInfo) { <-release }},
	})
	require.NoError(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	response, err := server.Client().Post(server.URL, "application/json", strings.NewReader("{}"))
	require.NoError(t, err, "the observer still runs")
	response.Body.Close()
	assert.Equal(t, 200, response.StatusCode)
	assert.Equal(t, "0", response.Header.Get("Content-Length"))
	assert.Empty(t, response.TransferEncoding)
}

func TestChallengesGetAResponse(t *testing.T) {
	t.Parallel()
	verified := 0
	h, seen, runs := counting(t, webhook.Config[any]{
		Verify: webhook.VerifierFunc(func(context.Context, *webhook.Request) (webhook.Receipt, error) {
			verified++
			return webhook.Receipt{}, nil
		}),
		Challenge: func(_ context.Context, r *webhook.Request) *webhook.Response {
			if r.Body != nil {
				panic("a body before verification")
			}
			switch text := r.URL.Query().Get("challenge"); text {
			case "":
				return nil
			case "wrong":
				return &webhook.Response{Status: http.StatusForbidden}
			default:
				return &webhook.Response{Body: []byte(text)}
			}
		},
	})
	get := func(target string) *httptest.ResponseRecorder {
		return serve(h, httptest.NewRequest(http.MethodGet, target, nil))
	}
	w := get("/hooks?challenge=<b>17")
	assert.Equal(t, 200, w.Code)
	assert.Equal(t, "<b>17", w.Body.String())
	assert.Equal(t, "5", w.Header().Get("Content-Length"))
	assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, string(webhook.ReasonChallenge), seen.last().Reason)
	assert.Equal(t, 403, get("/hooks?challenge=wrong").Code)
	assert.Equal(t, 403, seen.last().Status)
	assert.Equal(t, 405, get("/hooks").Code, "a GET without one")
	assert.Zero(t, verified)
	assert.Equal(t, 200, post(h, "{}").Code)
	assert.EqualValues(t, 1, runs.Load())
}

func TestVendorsGetTheBodyTheyExpect(t *testing.T) {
	t.Parallel()
	type event struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
	}
	h, seen, _ := counting(t, webhook.Config[event]{
		Verify: giving(webhook.Receipt{ID: "d-1"}, nil), Name: "h",
		Handle: func(_ context.Context, e event) error {
			if e.Type == "fail" {
				return errors.New("down")
			}
			return nil
		},
		Respond: func(_ context.Context, d *webhook.Delivery, info identkit.DeliveryInfo) *webhook.Response {
			events, err := webhook.JSON[event](d)
			switch {
			case err != nil || info.Status != http.StatusOK:
				return nil
			case events[0].Type == "boom":
				panic("boom")
			}
			return &webhook.Response{
				Status: http.StatusAccepted, ContentType: "application/json", Body: fmt.Appendf(nil, `{"challenge":%q}`, events[0].Challenge),
			}
		},
	})
	assert.Equal(t, 503, post(h, `{"type":"fail"}`).Code)
	for range 2 { // a duplicate gets the same
		w := post(h, `{"type":"check","challenge":"c-1"}`)
		assert.Equal(t, 202, w.Code)
		assert.JSONEq(t, `{"challenge":"c-1"}`, w.Body.String())
		assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
		assert.Equal(t, 202, seen.last().Status)
	}
	w := post(h, `{"type":"boom"}`)
	assert.Equal(t, 200, w.Code, "it was handled")
	assert.Empty(t, w.Body.String())
	assert.ErrorContains(t, seen.last().Err, "panic")
}

func TestAPanicOfChallengeIsContained(t *testing.T) {
	t.Parallel()
	h, seen, _ := counting(t, webhook.Config[any]{Challenge: func(context.Context, *webhook.Request) *webhook.Response { panic(1) }})
	assert.Equal(t, 503, post(h, "{}").Code)
	assert.Equal(t, string(webhook.ReasonPanic), seen.last().Reason)
}

// rawResponse sends a request as bytes and returns the first line of the response, and whether the connection was closed behind it.
func rawResponse(t *testing.T, h http.Handler, request string, configure func(*http.Server)) (line string, closed bool) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	if configure != nil {
		configure(server.Config)
	}
	server.Start()
	t.Cleanup(server.Close)
	conn := dial(t, server)
	_, err := conn.Write([]byte(request))
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	line, err = reader.ReadString('\n')
	require.NoError(t, err)
	for err == nil {
		_, err = reader.ReadByte()
	}
	var timeout interface{ Timeout() bool }
	return strings.TrimSpace(line), !errors.As(err, &timeout) || !timeout.Timeout()
}
