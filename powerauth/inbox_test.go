package powerauth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
)

var inboxIn = powerauth.CreateInboxMessageParams{UserID: "u-1", Subject: "A subject", Summary: "A summary", Body: "<p>Hello</p>", Type: powerauth.InboxHTML}

func TestInboxMessageIsCreated(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"id":"m-1","subject":"A subject","summary":"A summary","body":"<p>Hello</p>","type":"html","read":false,"timestamp":1701426030500}`)
	m, err := client.Inbox.Create(t.Context(), inboxIn)
	require.NoError(t, err)
	assert.Equal(t, powerauth.InboxMessageID("m-1"), m.ID)
	assert.Equal(t, powerauth.InboxHTML, m.Type)
	assert.Equal(t, time.UnixMilli(1701426030500).UTC(), m.Created)
	s.sends(t, `{"userId":"u-1","subject":"A subject","summary":"A summary","body":"<p>Hello</p>","type":"html","silent":false}`)
	stored, err := powerauth.ParseInboxMessage(m.RawJSON())
	require.NoError(t, err)
	assert.Equal(t, m, stored)

	s.respond(200, "\xef\xbb\xbf"+`{"id":"m-1","subject":7,"summary":null,"body":{},"read":"TRUE","timestamp":"soon"}`)
	m, err = client.Inbox.Create(t.Context(), inboxIn)
	require.NoError(t, err, "what decides nothing does not cost the id")
	assert.Equal(t, []any{"7", "", true, time.Time{}}, []any{m.Subject, m.Body, m.Read, m.Created})
}

func TestAnInboxMessageWithoutAnIDIsABadResponse(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"subject":"A subject"}`, `{"id":null}`, `{"id":7}`, `{"ID":"m-1"}`, `{"id":"m-1","id":"m-2"}`, `{"id":"m-1","x":{"a":1,"a":1}}`, `{"id":"m-1"}{}`,
		`{"id":"\udc00"}`, `{"id":"` + "\xff" + `"}`, `null`, `[]`, ``,
	} {
		_, client := stubbed(t, 200, body)
		_, err := client.Inbox.Create(t.Context(), inboxIn)
		require.ErrorIs(t, err, identkit.ErrBadResponse, body)
		require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, body)
	}
	_, err := new(powerauth.Client).Inbox.Create(t.Context(), inboxIn)
	require.ErrorIs(t, err, identkit.ErrInvalidRequest, "New did not make it")
}

func TestInboxLimitsAreThoseOfThePushServer(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"id":"m-1"}`)
	long := func(n int) string { return strings.Repeat("ž", n) }
	for name, c := range map[string]struct {
		change func(*powerauth.CreateInboxMessageParams)
		field  string
	}{
		"no user":        {func(in *powerauth.CreateInboxMessageParams) { in.UserID = "" }, "userId"},
		"no subject":     {func(in *powerauth.CreateInboxMessageParams) { in.Subject = "" }, "subject"},
		"short subject":  {func(in *powerauth.CreateInboxMessageParams) { in.Subject = long(7) }, "subject"},
		"long subject":   {func(in *powerauth.CreateInboxMessageParams) { in.Subject = long(256) }, "subject"},
		"short summary":  {func(in *powerauth.CreateInboxMessageParams) { in.Summary = long(7) }, "summary"},
		"long summary":   {func(in *powerauth.CreateInboxMessageParams) { in.Summary = long(256) }, "summary"},
		"short body":     {func(in *powerauth.CreateInboxMessageParams) { in.Body = long(7) }, "body"},
		"long body":      {func(in *powerauth.CreateInboxMessageParams) { in.Body = long(65_537) }, "body"},
		"no type":        {func(in *powerauth.CreateInboxMessageParams) { in.Type = "" }, "type"},
		"an unknown one": {func(in *powerauth.CreateInboxMessageParams) { in.Type = "markdown" }, "type"},
	} {
		in := inboxIn
		c.change(&in)
		_, err := client.Inbox.Create(t.Context(), in)
		t.Log(name)
		invalidField(t, s, err, c.field)
	}
	in := inboxIn
	in.Subject, in.Summary, in.Body = long(255), long(8), long(65_536)
	_, err := client.Inbox.Create(t.Context(), in)
	require.NoError(t, err)
}
