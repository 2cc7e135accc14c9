package webhook_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
)

type decision struct {
	Passed bool            `json:"passed"`
	Amount int             `json:"amount"`
	Inner  struct{ B int } `json:"inner"`
	Plain  string
}

func decode[E any](body string) ([]E, error) {
	return webhook.JSON[E](&webhook.Delivery{Request: &webhook.Request{Body: []byte(body)}})
}

func decodeList[E any](body string) ([]E, error) {
	return webhook.JSONList[E](&webhook.Delivery{Request: &webhook.Request{Body: []byte(body)}})
}

func TestJSONIsReadStrictly(t *testing.T) {
	t.Parallel()
	for rule, body := range map[string]string{
		"a duplicate member":             `{"passed":false,"passed":true}`,
		"a duplicate member inside":      `{"inner":{"B":1,"B":2}}`,
		"a duplicate in unknown members": `{"unknown":{"x":[{"a":1,"a":2}]}}`,
		"something behind the value":     `{"passed":true} {"passed":false}`,
		"a byte behind the value":        `{"passed":true}x`,
		"a cut value":                    `{"passed":true`,
		"a text as a number":             `{"amount":"jane doe"}`,
		"a number as a boolean":          `{"passed":1}`,
		"bytes that are not UTF-8":       "{\"Plain\":\"J\xf6rg\"}",
		"half a surrogate pair":          `{"Plain":"\ud800"}`,
		"another byte order mark":        "\xff\xfe{}",
		"null":                           " null ",
		"null behind a byte order mark":  "\xef\xbb\xbfnull",
		"nothing":                        "",
	} {
		_, err := decode[decision](body)
		require.ErrorIs(t, err, webhook.ErrInvalidEvent, rule)
		assert.NotContains(t, err.Error(), "jane", rule)
		_, err = decodeList[decision]("[" + body + "]")
		if !strings.Contains(rule, "null") && body != "" {
			require.ErrorIs(t, err, webhook.ErrInvalidEvent, "%s, in a list", rule)
		}
	}
}

func TestMemberNamesMatchExactly(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"Passed":true}`, `{"PASSED":true}`, `{"paſſed":true}`, `{"plain":"x"}`} {
		events, err := decode[decision](body)
		require.NoError(t, err, body)
		assert.Equal(t, []decision{{}}, events, body)
	}
	events, err := decode[decision](`{"passed":true,"Plain":"x","inner":{"B":7}}`)
	require.NoError(t, err)
	assert.Equal(t, decision{Passed: true, Plain: "x", Inner: struct{ B int }{7}}, events[0])
}

func TestAByteOrderMarkIsSkipped(t *testing.T) {
	t.Parallel()
	h, _, runs := counting(t, webhook.Config[decision]{})
	assert.Equal(t, 200, post(h, "\xef\xbb\xbf"+`{"passed":true}`).Code)
	list, _, listRuns := counting(t, webhook.Config[decision]{Decode: webhook.JSONList[decision]})
	assert.Equal(t, 200, post(list, "\xef\xbb\xbf"+`[{"passed":true}]`).Code)
	assert.Equal(t, []int64{1, 1}, []int64{runs.Load(), listRuns.Load()})
}

func TestPayloadsOfADispatcherAreReadStrictly(t *testing.T) {
	t.Parallel()
	d := newDispatcher(t, func(context.Context, envelope) error { return nil })
	require.NoError(t, webhook.On(d, "decided", func(context.Context, envelope, decision) error { return nil }))
	for rule, data := range map[string]string{
		"a duplicate member": `{"passed":true,"passed":false}`, "another type": `{"amount":"1"}`, "null": `null`, "nothing": ``,
	} {
		assert.ErrorIs(t, d.Handle(t.Context(), envelope{Type: "decided", Data: json.RawMessage(data)}), webhook.ErrInvalidEvent, rule)
	}
	assert.NoError(t, d.Handle(t.Context(), envelope{Type: "decided", Data: json.RawMessage(`{"passed":true}`)}))
}

func TestAMaskedSecretInAnEventIsRefused(t *testing.T) {
	t.Parallel()
	type credentials struct {
		Token identkit.Secret `json:"token"`
	}
	_, err := decode[credentials](`{"token":"[secret]"}`)
	require.ErrorIs(t, err, webhook.ErrInvalidEvent)
	assert.ErrorContains(t, err, "masked")
	events, err := decode[credentials](`{"token":"t-1"}`)
	require.NoError(t, err)
	assert.Equal(t, "t-1", events[0].Token.Reveal())
}
