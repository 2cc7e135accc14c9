package powerauth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
)

func TestMessageIsSent(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"whatever":1}`)
	require.NoError(t, client.Messages.Send(t.Context(), powerauth.SendMessageParams{
		UserID: "u-1", RegistrationID: "r-1", Title: "Hello", Message: "World", Sound: "default", Extras: map[string]any{"a": []int{1}},
	}))
	s.sends(t, `{"userId":"u-1","registrationId":"r-1","silent":false,"title":"Hello","message":"World","sound":"default","extras":{"a":[1]}}`)
	require.NoError(t, client.Messages.Send(t.Context(), powerauth.SendMessageParams{UserID: "u-1", Silent: true}))
	s.sends(t, `{"userId":"u-1","silent":true}`)
	s.respond(204, ``)
	require.NoError(t, client.Messages.Send(t.Context(), powerauth.SendMessageParams{UserID: "u-1", Silent: true}))
	for _, body := range []string{`null`, `[]`, `<html>`, `{"a":1,"a":2}`, `{"status":"ERROR"}`} {
		s.respond(200, body)
		require.ErrorIs(t, client.Messages.Send(t.Context(), powerauth.SendMessageParams{UserID: "u-1", Silent: true}), identkit.ErrBadResponse, body)
	}
	s.respond(200, `{}`)

	require.NoError(t, client.Messages.Send(t.Context(), powerauth.SendMessageParams{UserID: "u-1", Title: "T", Extras: map[string]any{
		"code": identkit.Secret("123"), "at": time.UnixMilli(1701426030500),
	}}))
	s.sends(t, `{"userId":"u-1","silent":false,"title":"T","extras":{"code":"123","at":1701426030500}}`)
	require.ErrorIs(t, new(powerauth.Client).Messages.Send(t.Context(), powerauth.SendMessageParams{UserID: "u-1", Silent: true}), identkit.ErrInvalidRequest)

	s.respond(400, `{"status":"ERROR","responseObject":{"code":"ERROR_PUSH_MESSAGE","message":"no"}}`)
	err := client.Messages.Send(t.Context(), powerauth.SendMessageParams{UserID: "u-1", Silent: true})
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, powerauth.CodePushMessage, e.Code)
}

func TestBadMessageInputNamesTheFieldAndSendsNothing(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{}`)
	for _, c := range []struct {
		in    powerauth.SendMessageParams
		field string
	}{
		{powerauth.SendMessageParams{Title: "T"}, "userId"},
		{powerauth.SendMessageParams{UserID: "u"}, "title"},
		{powerauth.SendMessageParams{UserID: "u", Title: " \n"}, "title"},
		{powerauth.SendMessageParams{UserID: "u", Title: "T", Message: "\xff"}, "message"},
		{powerauth.SendMessageParams{UserID: "u", Title: "T", Extras: map[string]any{"messageType": "x"}}, "extras"},
		{powerauth.SendMessageParams{UserID: "u", Title: "T", Extras: map[string]any{"a": func() {}}}, "extras"},
		{powerauth.SendMessageParams{UserID: "u", Title: "T", Extras: map[string]any{"a": identkit.Secret("[secret]")}}, "extras"},
	} {
		invalidField(t, s, client.Messages.Send(t.Context(), c.in), c.field)
	}
}
