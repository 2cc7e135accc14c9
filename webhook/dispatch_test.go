package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/webhook"
)

type envelope struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

func newDispatcher(t *testing.T, fallback func(context.Context, envelope) error) *webhook.Dispatcher[envelope] {
	t.Helper()
	d, err := webhook.NewDispatcher(webhook.DispatcherConfig[envelope]{
		Type:     func(e envelope) string { return e.Type },
		Data:     func(e envelope) json.RawMessage { return e.Data },
		Fallback: fallback,
	})
	require.NoError(t, err)
	return d
}

func TestDispatcher(t *testing.T) {
	t.Parallel()
	type started struct {
		ID string `json:"id"`
	}
	type ended struct {
		Score int `json:"score"`
	}
	var got []any
	d := newDispatcher(t, func(_ context.Context, e envelope) error {
		got = append(got, "fallback "+e.Type)
		return nil
	})
	require.NoError(t, webhook.On(d, "started", func(_ context.Context, _ envelope, data started) error {
		got = append(got, data)
		return nil
	}))
	require.NoError(t, webhook.On(d, "ended", func(_ context.Context, e envelope, data *ended) error {
		got = append(got, e.Type, *data)
		return nil
	}))
	require.NoError(t, webhook.On(d, "failing", func(context.Context, envelope, any) error { return errors.New("down") }))
	h, seen, _ := counting(t, webhook.Config[envelope]{Handle: d.Handle})
	for body, want := range map[string]int{
		`{"type":"started","data":{"id":"p-1"}}`:   200,
		`{"type":"ended","data":{"score":7}}`:      200,
		`{"type":"Started","data":{"id":"other"}}`: 200,
		`{"data":{}}`:                                  200,
		`{"type":"failing","data":1}`:                  503,
		`{"type":"ended","data":{"score":"jane doe"}}`: 400,
		`{"type":"ended"}`:                             400,
	} {
		assert.Equal(t, want, post(h, body).Code, body)
		if seen.last().Err != nil {
			assert.NotContains(t, seen.last().Err.Error(), "jane")
		}
	}
	assert.ElementsMatch(t, []any{started{"p-1"}, "ended", ended{7}, "fallback Started", "fallback "}, got)
}

func TestDispatcherRegistrations(t *testing.T) {
	t.Parallel()
	ignore := func(context.Context, envelope) error { return nil }
	d := newDispatcher(t, ignore)
	handle := func(context.Context, envelope, any) error { return nil }
	require.NoError(t, webhook.On(d, "a", handle))
	require.ErrorContains(t, webhook.On(d, "a", handle), "already")
	require.Error(t, webhook.On(d, "", handle))
	require.Error(t, webhook.On[envelope, any](d, "b", nil))

	whole := webhook.DispatcherConfig[envelope]{
		Type: func(envelope) string { return "" }, Data: func(envelope) json.RawMessage { return nil }, Fallback: ignore,
	}
	for rule, remove := range map[string]func(*webhook.DispatcherConfig[envelope]){
		"no type":     func(c *webhook.DispatcherConfig[envelope]) { c.Type = nil },
		"no data":     func(c *webhook.DispatcherConfig[envelope]) { c.Data = nil },
		"no fallback": func(c *webhook.DispatcherConfig[envelope]) { c.Fallback = nil },
	} {
		cfg := whole
		remove(&cfg)
		_, err := webhook.NewDispatcher(cfg)
		assert.Error(t, err, rule)
	}
}
