package powerauth

import (
	"context"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Inbox puts messages into the inbox that users see in the app: client.Inbox.
type Inbox struct{ client *transport.Client }

// InboxMessageID identifies a message in an inbox. It is a UUID.
type InboxMessageID string

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
	// UserID is the recipient. Required; 1 to 255 characters.
	UserID UserID `json:"userId"`
	// Subject is required; 8 to 255 characters.
	Subject string `json:"subject"`
	// Summary is required; 8 to 255 characters.
	Summary string `json:"summary"`
	// Body is required; 8 to 65,536 characters. In HTML, escape what others wrote.
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

func (in *CreateInboxMessageParams) request(r *transport.Request) {
	c := &r.Check
	c.Text("userId", string(in.UserID), maxUserID)
	text := func(field, value string, limit int) {
		c.Text(field, value, limit)
		c.That(value == "" || utf8.RuneCountInString(value) >= minInboxText, field, "is shorter than 8 characters")
	}
	text("subject", in.Subject, maxInboxSubject)
	text("summary", in.Summary, maxInboxSubject)
	text("body", in.Body, maxInboxBody)
	c.That(in.Type.Known(), "type", "is not text or html")
	r.JSON(in)
}

// InboxMessage is a message in a user's inbox.
type InboxMessage struct {
	identkit.Raw `json:"-"`

	ID      InboxMessageID   `json:"id"`
	Subject string           `json:"subject"`
	Summary string           `json:"summary"`
	Body    string           `json:"body"`
	Type    InboxMessageType `json:"type"`
	Read    bool             `json:"read"`
	Created time.Time        `json:"timestamp"`
}

func (m *InboxMessage) check() error { return required("id", string(m.ID)) }

// ParseInboxMessage reads the stored RawJSON of an [InboxMessage], by the rules of [Inbox.Create].
func ParseInboxMessage(raw []byte) (*InboxMessage, error) {
	return createInboxMessage.Parse(codec, raw)
}

var createInboxMessage = transport.Op[CreateInboxMessageParams, InboxMessage]{
	Name: "powerauth.Inbox.Create", Method: http.MethodPost, Path: "/v2/inbox/messages",
	Retry:   identkit.RetryIfNotProcessed, // each call makes another message
	Request: (*CreateInboxMessageParams).request,
	Check:   (*InboxMessage).check,
}

// Create puts a message into a user's inbox, and notifies the phone by a push message unless Silent is set.
//
// Errors: [identkit.ErrInvalidRequest] for input that PAC would refuse (the limits are those of the vendor's push server);
// [identkit.ErrRejected] with code [CodeInbox].
//
// Not safe to repeat: each call makes another message. It is sent again only when it surely did not arrive.
//
// Source: API-Communication, vendor test suites, Push-Server-API; checked 2026-11.
func (s Inbox) Create(ctx context.Context, in CreateInboxMessageParams, opts ...identkit.CallOption) (*InboxMessage, error) {
	return createInboxMessage.Do(ctx, s.client, in, opts)
}
