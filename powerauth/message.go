package powerauth

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Messages sends push messages: client.Messages.
type Messages struct{ client *transport.Client }

// SendMessageParams is a push message to a user's phones.
type SendMessageParams struct {
	// UserID is the recipient. Required; 1 to 255 characters.
	UserID UserID `json:"userId"`
	// RegistrationID sends it to this device only.
	RegistrationID RegistrationID `json:"registrationId,omitzero"`
	// Silent wakes the app without showing anything.
	Silent bool `json:"silent"`
	// Title must not be blank, unless Silent is set. Apple and Google limit the whole message to about 4 KB, and show it on locked
	// screens: put nothing confidential into it.
	Title   string `json:"title,omitzero"`
	Message string `json:"message,omitzero"`
	// Sound is the name of a sound, such as "default".
	Sound string `json:"sound,omitzero"`
	// Extras go to the app as data; a time.Time is sent as epoch milliseconds. Names that PAC's own messages use (messageType,
	// operationId, …) are refused.
	Extras map[string]any `json:"extras,omitzero"`
}

// ownExtras are the names in PAC's own push messages, which the mobile SDK acts on.
var ownExtras = []string{"messageType", "operationId", "operationName", "activationId", "inboxId", "mtokenOperationResult"}

func (in *SendMessageParams) request(r *transport.Request) {
	c := &r.Check
	c.Text("userId", string(in.UserID), maxUserID)
	c.That(in.Silent || strings.TrimSpace(in.Title) != "", "title", "is blank")
	c.Optional("title", in.Title, 0)
	c.Optional("message", in.Message, 0)
	for name, value := range in.Extras {
		c.Text("extras", name, 0)
		c.That(!slices.Contains(ownExtras, name), "extras", "uses a name of the vendor's own messages")
		_, err := codec.Marshal(value)
		c.That(err == nil, "extras", "holds what cannot be sent as JSON, or a masked secret")
	}
	r.JSON(in)
}

var sendMessage = transport.Op[SendMessageParams, transport.None]{
	Name: "powerauth.Messages.Send", Method: http.MethodPost, Path: "/v2/messages/send",
	Retry:    identkit.RetryIfNotProcessed, // the user would see it again
	Response: transport.ResponseOptional,   // undocumented
	Request:  (*SendMessageParams).request,
}

// Send gives a push message to PAC, which delivers it later, if the phone can be reached. The response is undocumented; a JSON object
// of any content, or none, is a success.
//
// Errors: [identkit.ErrInvalidRequest] for input that PAC would refuse; [identkit.ErrRejected] with code [CodePushMessage].
//
// Not safe to repeat: the user would see it again. It is sent again only when it surely did not arrive.
//
// Source: API-Communication, vendor test suites; checked 2026-11.
func (s Messages) Send(ctx context.Context, in SendMessageParams, opts ...identkit.CallOption) error {
	return sendMessage.Exec(ctx, s.client, in, opts)
}
