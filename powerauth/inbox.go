package powerauth

import (
	"context"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// Inbox puts messages into the inbox that users see in the app: client.Inbox.
type Inbox struct{ road *transport.Road }

// InboxMessageType is the form of a message's body.
type InboxMessageType string

// The forms of a body.
const (
	InboxText InboxMessageType = "text"
	InboxHTML InboxMessageType = "html"
)

// Known reports whether this version of the package knows the type.
func (t InboxMessageType) Known() bool { return t == InboxText || t == InboxHTML }

// CreateInboxMessageParams is a new message.
type CreateInboxMessageParams struct {
	// UserID is whom it is for. Required; 1 to 255 characters.
	UserID UserID `json:"userId"`
	// Subject is required; 8 to 255 characters.
	Subject string `json:"subject"`
	// Summary is required; 8 to 255 characters.
	Summary string `json:"summary"`
	// Body is required; 8 to 65,536 characters. Whatever comes from others must be escaped by the caller in HTML.
	Body string `json:"body"`
	// Type is the form of Body. Required.
	Type InboxMessageType `json:"type"`
	// Silent sends no push message about it.
	Silent bool `json:"silent"`
}

const (
	minInboxText    = 8
	maxInboxSubject = 255
	maxInboxBody    = 65_536
)

func (in *CreateInboxMessageParams) check(c *transport.Check) {
	c.Text("userId", string(in.UserID), maxUserID)
	text := func(field, value string, most int) {
		c.Text(field, value, most)
		c.That(value == "" || utf8.RuneCountInString(value) >= minInboxText, field, "is shorter than 8 characters")
	}
	text("subject", in.Subject, maxInboxSubject)
	text("summary", in.Summary, maxInboxSubject)
	text("body", in.Body, maxInboxBody)
	c.That(in.Type.Known(), "type", "is not text or html")
}

// InboxMessage is a message in a user's inbox.
type InboxMessage struct {
	identkit.Raw `json:"-"`

	ID      string           `json:"id"` // a UUID
	Subject string           `json:"subject"`
	Summary string           `json:"summary"`
	Body    string           `json:"body"`
	Type    InboxMessageType `json:"type"`
	Read    bool             `json:"read"`
	Created time.Time        `json:"timestamp"`
}

type inboxAnswer struct {
	InboxMessage
	Created wire.Time `json:"timestamp"`
}

func (w *inboxAnswer) finish(transport.Path) (*InboxMessage, error) {
	m := &w.InboxMessage
	if m.ID == "" {
		return nil, transport.Missing("id")
	}
	m.Created = w.Created.Time
	return m, nil
}

var createInboxMessage = &transport.OldOperation{
	Name:   "powerauth.Inbox.Create",
	Method: http.MethodPost, Path: "/v2/inbox/messages",
	Retry: transport.RetryIfNotProcessed, // each call makes another message
}

// Create puts a message into a user's inbox, and tells the phone by a push message unless Silent is set.
//
// Errors: [identkit.ErrInvalidRequest] for input that PAC would refuse (the limits are those of the vendor's push server);
// [identkit.ErrRejected] with code [CodeInbox].
//
// Not safe to repeat: each call makes another message. It is sent again only when it surely did not arrive.
//
// Source: API-Communication, vendor test suites, Push-Server-API; checked 2026-11.
func (s *Inbox) Create(ctx context.Context, in CreateInboxMessageParams, opts ...identkit.CallOption) (*InboxMessage, error) {
	return transport.Do(ctx, s.road, createInboxMessage, transport.Input{Body: transport.JSON(in), Check: in.check}, (*inboxAnswer).finish, opts)
}
