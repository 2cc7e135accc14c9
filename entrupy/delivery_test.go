package entrupy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/webhook"
)

func TestEveryEnvelopeOfADeliveryIsRead(t *testing.T) {
	t.Parallel()
	a, b := itemOf("A", "authentic", 0), itemOf("B", "invalid", 0)
	for body, want := range map[string][]string{
		`{"items":[` + a + `]}`:                                                     {"item A"},
		`{"items":[` + a + `,` + b + `]}`:                                           {"item A", "item B"},
		`{"items":[]}`:                                                              nil,
		`{"items":null,"item":` + a + `}`:                                           {"item A"},
		`{"items":` + a + `}`:                                                       {"item A"},
		`{"item":` + a + `}`:                                                        {"item A"},
		`{"item":[` + a + `,` + b + `]}`:                                            {"item A", "item B"},
		`{"event":"session.completed","data":` + a + `}`:                            {"item A"},
		`{"type":"session.completed","payload":` + a + `}`:                          {"item A"},
		`{"event_type":"session.completed","item":` + a + `}`:                       {"item A"},
		`{"event":"session.completed","item":` + a + `}`:                            {"item A"},
		`{"type":"session.completed","data":[` + a + `,` + b + `]}`:                 {"item A", "item B"},
		`{"event_type":"session.completed","payload":{"item":` + a + `}}`:           {"item A"},
		`{"event":"session.completed","data":{"items":[` + a + `,` + b + `]}}`:      {"item A", "item B"},
		`{"event":"session.completed","items":[` + a + `]}`:                         {"item A"},
		`{"data":` + a + `}`:                                                        {"item A"},
		`{"event":"tomorrow","data":` + a + `}`:                                     {"item A"},
		`{"event":"tomorrow","items":[{},` + a + `]}`:                               {"unreadable 0", "item A"},
		`{"event":null,"type":7,"event_type":"session.completed","data":` + a + `}`: {"item A"},
		a:                                        {"item A"},
		"\xef\xbb\xbf" + `{"items":[` + a + `]}`: {"item A"},
		`{"items":[` + a + `],"meta":{"page":1}}`: {"item A"},

		`{"event":"support.message","data":{"entrupy_id":"A","text":"another picture, please"}}`: {"other support.message"},
		`{"event":"support.message","item":` + a + `}`:                                           {"other support.message"},
		`{"type":"certificate.transfer","payload":{"entrupy_id":"A","status":"pending"}}`:        {"other certificate.transfer"},
		`{"event_type":"tomorrow","data":{"entrupy_id":"A","status":{"id":"x"}}}`:                {"other tomorrow"},
		`{"event":"tomorrow","items":[]}`:                                                        {"other tomorrow"},
		`{"event":"tomorrow"}`:                                                                   {"other tomorrow"},
		`{"event":"session.completed"}`:                                                          {"other session.completed"},
		`{"event":"session.completed","entrupy_id":"A"}`:                                         {"other session.completed"},
		`{"data":{"entrupy_id":"A"}}`:                                                            {"other "},
		`{}`:                                                                                     {"other "},
		`{"Items":[` + a + `]}`:                                                                  {"other "},
		`{"event":"session.completed","data":"A"}`:                                               {"unreadable 0"},
		`{"event":"session.completed","data":{"id":"A"}}`:                                        {"unreadable 0"},
		`{"item":"A"}`:                 {"unreadable 0"},
		`{"items":[null,7,"A",[],{}]}`: {"unreadable 0", "unreadable 1", "unreadable 2", "unreadable 3", "unreadable 4"},
	} {
		h, got := hooks(t, nil)
		assert.Equal(t, 200, deliver(h, body), body)
		assert.Equal(t, want, got.take(), body)
		for _, e := range got.other {
			assert.JSONEq(t, strings.TrimPrefix(body, "\xef\xbb\xbf"), string(e.RawJSON()))
		}
		for _, d := range got.items {
			assert.Same(t, d.Payload, d.Authentication)
			assert.Equal(t, entrupy.CustomerItemID("inv-"+string(d.ID)), d.Authentication.CustomerItemID())
			read, err := entrupy.ParseAuthentication(d.Payload.RawJSON())
			require.NoError(t, err)
			assert.Equal(t, d.Payload, read)
		}
	}
}

func TestASignedBodyThatIsNoDelivery(t *testing.T) {
	t.Parallel()
	a := itemOf("A", "authentic", 0)
	for _, body := range []string{
		``, ` `, `hello`, `<html>no</html>`, `null`, `7`, `"items"`, `[]`, `[` + a + `]`, `{`, `{"items":[` + a, `{"items":[` + a + `]}{}`, `{"items":[` + a + `]}x`,
		`{"items":[],"items":[` + a + `]}`, `{"event":"support.message","data":{"a":1,"a":2}}`, "{\"event\":\"tomorrow\",\"data\":\"\xff\"}", `{"items":[` + a + `,]}`, `items=[]`,
	} {
		h, got := hooks(t, nil)
		assert.Equal(t, 400, deliver(h, body), body)
		assert.Empty(t, got.take(), body)
		assert.Equal(t, string(webhook.ReasonInvalidEvent), got.last().Reason)
		assert.NotContains(t, got.last().Err.Error(), "hello")
	}
}

func TestAnItemThatCannotBeReadIsHandedOverWithItsPosition(t *testing.T) {
	t.Parallel()
	for name, third := range map[string]string{
		"null":                     `null`,
		"a text":                   `"C"`,
		"an empty object":          `{}`,
		"no result":                `{"entrupy_id":"C"}`,
		"an id that is no text":    `{"entrupy_id":{},"status":{"result":{"id":"authentic","final":true}}}`,
		"final as a text":          `{"entrupy_id":"C","status":{"result":{"id":"authentic","final":"true"}}}`,
		"a duplicate member":       `{"entrupy_id":"C","status":{"result":{"id":"invalid","id":"authentic","final":true}}}`,
		"a duplicate member, deep": `{"entrupy_id":"C","status":{"result":{"id":"authentic","final":true}},"more":[{"a":1,"a":2}]}`,
		"bytes that are not UTF-8": "{\"entrupy_id\":\"C\",\"status\":{\"result\":{\"id\":\"authentic\",\"final\":true}},\"note\":\"J\xf6rg\"}",
	} {
		body := `{"items":[` + itemOf("A", "authentic", 1) + `,` + itemOf("B", "invalid", 1) + `,` + third + `,` + itemOf("D", "authentic", 1) + `]}`
		h, got := hooks(t, nil)
		assert.Equal(t, 200, deliver(h, body), name)
		assert.Equal(t, []string{"item A", "item B", "unreadable 2", "item D"}, got.take(), name)
		assert.Equal(t, third, string(got.broken[0].RawJSON()), name)
		require.ErrorIs(t, got.broken[0], identkit.ErrBadResponse, name)
		assert.NotContains(t, got.broken[0].Error(), "authentic", name)

		// the team's own failure makes it come again, and the others not
		h, got = hooks(t, nil)
		got.fails = func(what string) error {
			if what == "unreadable 2" {
				return errors.New("the queue is full")
			}
			return nil
		}
		assert.Equal(t, 503, deliver(h, body), name)
		assert.Len(t, got.take(), 4, name)
		got.fails = nil
		assert.Equal(t, 200, deliver(h, body), name)
		assert.Equal(t, []string{"unreadable 2"}, got.take(), name)

		h, got = hooks(t, nil, func(cfg *entrupy.WebhookConfig) { cfg.OnUnreadable = nil })
		assert.Equal(t, 200, deliver(h, body), name)
		assert.Equal(t, []string{"item A", "item B", "item D"}, got.take(), name)
		assert.Equal(t, string(webhook.ReasonGivenUp), got.last().Reason, name)
		require.ErrorContains(t, got.last().Err, "item 2", name)
	}
	h, got := hooks(t, nil, func(cfg *entrupy.WebhookConfig) { cfg.OnOther = nil })
	assert.Equal(t, 200, deliver(h, `{"event":"support.message"}`))
	assert.Empty(t, got.last().Reason, "ignored")
}

func TestWhatIsTheSameDelivery(t *testing.T) {
	t.Parallel()
	flagged := strings.Replace(itemOf("A", "authentic", 1), `"status":{`, `"status":{"flag":"flagged",`, 1)
	unflagged := strings.Replace(itemOf("A", "authentic", 1), `"status":{`, `"status":{"flag":"none",`, 1)
	pending := strings.Replace(itemOf("A", "authentic", 1), `true`, `false`, 1)
	for name, c := range map[string]struct {
		items []string
		want  int
	}{
		"again":                            {[]string{itemOf("A", "authentic", 1), itemOf("A", "authentic", 1)}, 1},
		"the id in another letter case":    {[]string{itemOf("A", "authentic", 1), itemOf("a", "authentic", 1)}, 1},
		"no flag, said in two ways":        {[]string{itemOf("A", "authentic", 1), unflagged}, 1},
		"another member":                   {[]string{itemOf("A", "authentic", 1), strings.Replace(itemOf("A", "authentic", 1), "inv-A", "inv-B", 1)}, 1},
		"another item":                     {[]string{itemOf("A", "authentic", 1), itemOf("B", "authentic", 1)}, 2},
		"another result":                   {[]string{itemOf("A", "authentic", 1), itemOf("A", "invalid", 1)}, 2},
		"another flag":                     {[]string{itemOf("A", "authentic", 1), flagged}, 2},
		"not final, final":                 {[]string{pending, itemOf("A", "authentic", 1)}, 2},
		"a later update":                   {[]string{itemOf("A", "authentic", 1), itemOf("A", "authentic", 2)}, 2},
		"reversed, and back":               {[]string{itemOf("A", "authentic", 1), itemOf("A", "invalid", 2), itemOf("A", "authentic", 3)}, 3},
		"without an update: always again":  {[]string{itemOf("A", "authentic", 0), itemOf("A", "authentic", 0)}, 2},
		"reversed, and back, without them": {[]string{itemOf("A", "authentic", 0), itemOf("A", "invalid", 0), itemOf("A", "authentic", 0)}, 3},
	} {
		h, got := hooks(t, nil)
		for _, item := range c.items {
			assert.Equal(t, 200, deliver(h, `{"items":[`+item+`]}`), name)
		}
		assert.Len(t, got.take(), c.want, name)
		one, got := hooks(t, nil)
		assert.Equal(t, 200, deliver(one, `{"items":[`+strings.Join(c.items, ",")+`]}`), name)
		assert.Len(t, got.take(), c.want, "%s, in one delivery", name)
	}
	h, got := hooks(t, nil)
	a := itemOf("A", "authentic", 1)
	for _, c := range []struct {
		body string
		want int
	}{
		{`{"items":[` + a + `]}`, 1},
		{`{"event":"session.completed","data":` + a + `}`, 0}, // the same in another envelope
		{`{"event":"tomorrow","data":` + a + `}`, 1},          // something else about it
		{`{"event":"tomorrow","data":` + a + `}`, 0},
		{`{"event":"support.message"}`, 1},
		{`{"event":"support.message"}`, 1},
	} {
		assert.Equal(t, 200, deliver(h, c.body), c.body)
		assert.Len(t, got.take(), c.want, c.body)
	}
}

func FuzzDelivery(f *testing.F) {
	for _, seed := range []string{
		`{"items":[` + itemV14 + `]}`, `{"item":` + itemV2 + `}`, `{"event":"support.message","data":{}}`, `{"type":"x","payload":[1]}`, `{"items":[null]}`, `{"data":{"items":[{}]}}`, `{`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	got := new(received)
	h, err := entrupy.NewWebhookHandler(entrupy.WebhookConfig{Keys: keyring(f, hookSecret), Handle: got.Handle, OnOther: got.OnOther, OnUnreadable: got.OnUnreadable, Store: webhook.NoStore})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		got.items = nil
		status := deliver(h, string(body))
		assert.Contains(t, []int{200, 400}, status)
		for _, d := range got.items {
			require.NotEmpty(t, d.ID)
			read, err := entrupy.ParseAuthentication(d.Payload.RawJSON())
			require.NoError(t, err)
			require.Equal(t, read.IsAuthentic(), d.Authentication.IsAuthentic())
		}
		if all := got.take(); status == 400 {
			require.Empty(t, all)
		}
	})
}
