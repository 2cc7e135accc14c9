package powerauthtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/powerauth"
)

// Message is a push message that was sent.
type Message struct {
	UserID         powerauth.UserID         `json:"userId"`
	RegistrationID powerauth.RegistrationID `json:"registrationId,omitempty"` // empty: all devices of the user
	Title          string                   `json:"title"`
	Message        string                   `json:"message"`
	Sound          string                   `json:"sound,omitempty"`
	Silent         bool                     `json:"silent"`
	Extras         json.RawMessage          `json:"extras,omitempty"` // an object; nil when there was none
	Sent           time.Time                `json:"sent"`
}

// InboxMessage is a message in a user's inbox.
type InboxMessage struct {
	ID      powerauth.InboxMessageID `json:"id"`
	UserID  powerauth.UserID         `json:"userId"`
	Subject string                   `json:"subject"`
	Summary string                   `json:"summary"`
	Body    string                   `json:"body"`
	Type    string                   `json:"type"` // text or html
	Silent  bool                     `json:"silent"`
	Created time.Time                `json:"created"`
}

// Messages returns the push messages that were sent, oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Inbox returns a user's inbox, oldest first.
func (s *Server) Inbox(user powerauth.UserID) []InboxMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.inbox), func(m InboxMessage) bool { return m.UserID != user })
}

func (s *Server) sendMessage(c *fakeserver.Call) {
	var in struct {
		UserID         *string                    `json:"userId"`
		RegistrationID *string                    `json:"registrationId"`
		Silent         *bool                      `json:"silent"`
		Title          *string                    `json:"title"`
		Message        *string                    `json:"message"`
		Sound          *string                    `json:"sound"`
		Extras         map[string]json.RawMessage `json:"extras"`
	}
	check := decode(c, "sendMessage", &in)
	check.filled("userId", in.UserID)
	if check.refused(c) {
		return
	}
	if strings.TrimSpace(value(in.Title)) == "" && !value(in.Silent) {
		refuse(c, http.StatusBadRequest, powerauth.CodePushMessage, "Title must not be blank")
		return
	}
	m := Message{
		UserID: powerauth.UserID(*in.UserID), RegistrationID: powerauth.RegistrationID(value(in.RegistrationID)),
		Title: value(in.Title), Message: value(in.Message), Sound: value(in.Sound), Silent: value(in.Silent), Sent: c.Now(),
	}
	if in.Extras != nil {
		m.Extras, _ = json.Marshal(in.Extras) // was JSON
	}
	s.messages = append(s.messages, m)
	s.done(c)
}

// The limits of the vendor's push server, in characters.
const (
	minInbox, maxInboxHead, maxInboxBody = 8, 255, 65536
)

func (s *Server) createInboxMessage(c *fakeserver.Call) {
	var in struct {
		UserID  *string `json:"userId"`
		Subject *string `json:"subject"`
		Summary *string `json:"summary"`
		Body    *string `json:"body"`
		Type    *string `json:"type"`
		Silent  *bool   `json:"silent"`
	}
	check := decode(c, "createInboxMessage", &in)
	kind := value(in.Type)
	sized := func(field string, p *string, maxSize int) {
		n := utf8.RuneCountInString(value(p))
		check.that(n >= minInbox && n <= maxSize, field, p, "size is out of bounds")
	}
	check.filled("userId", in.UserID)
	sized("subject", in.Subject, maxInboxHead)
	sized("summary", in.Summary, maxInboxHead)
	sized("body", in.Body, maxInboxBody)
	check.that(kind == "text" || kind == "html", "type", in.Type, "must be text or html")
	if check.refused(c) {
		return
	}
	m := InboxMessage{
		ID: powerauth.InboxMessageID(uuid()), UserID: powerauth.UserID(*in.UserID), Subject: *in.Subject, Summary: *in.Summary, Body: *in.Body,
		Type: kind, Silent: value(in.Silent), Created: c.Now(),
	}
	s.inbox = append(s.inbox, m)
	s.ok(c, map[string]any{
		"id": m.ID, "subject": m.Subject, "summary": m.Summary, "body": m.Body, "type": m.Type, "read": false,
		"timestamp": s.millis(m.Created),
	})
}
