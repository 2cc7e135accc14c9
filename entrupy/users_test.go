package entrupy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
)

func TestAUserIsAuthorized(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	client := unlimited(srv)
	in := adaIn
	in.FirstName, in.LastName = " Ada\t", "Lovelace"
	a, err := client.Users.Authorize(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, entrupy.Username("Shop-shop42.user-90817"), a.Username)
	id, err := srv.Login(a.SignedRequest)
	require.NoError(t, err)
	assert.Equal(t, in.UserID, id)
	_, err = srv.Login(a.SignedRequest)
	require.Error(t, err, "it can be used once")

	in.FirstName, in.Email = "Augusta", "augusta@example.org"
	again, err := client.Users.Authorize(t.Context(), in)
	require.NoError(t, err)
	assert.NotEqual(t, a.SignedRequest, again.SignedRequest)
	u, _ := srv.User(in.UserID)
	assert.Equal(t, "Ada Lovelace", u.FirstName+" "+u.LastName, "the first call fixes the names for ever")
	assert.Equal(t, "augusta@example.org", u.Email)
}

func TestNamesThatAreEmptyForEverAreNotSent(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"signed_authorization_request":"s","username":"Shop-1"}`)
	for name, want := range map[string]string{"": "", " ": "", "\t\n": "", "\u00a0": "", "\u200b\ufeff": "", "\x00": "", "\u3164": "", "\u200fAda\u200b": "Ada", "葛\U000e0100": "葛\U000e0100", " Ada ": "Ada", "Ada Maria": "Ada Maria"} {
		in := adaIn
		in.FirstName, in.LastName = name, name
		_, err := client.Users.Authorize(t.Context(), in)
		require.NoError(t, err)
		sent := map[string]string{"sdk_authorization_request": "opaque", "unique_user_id": "shop42.user-90817", "email": "ada@example.org"}
		if want != "" {
			sent["first_name"], sent["last_name"] = want, want
		}
		body, err := json.Marshal(sent)
		require.NoError(t, err)
		s.sends(t, string(body))
	}
	in := adaIn
	in.SDKRequest = " as it came\n"
	_, err := client.Users.Authorize(t.Context(), in)
	require.NoError(t, err)
	assert.Contains(t, string(s.last(t).body), `" as it came\n"`, "the request of the SDK is passed on untouched")
}

func TestTheRuleOfUserIDs(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"signed_authorization_request":"s","username":"Shop-1"}`)
	for id, ok := range map[string]bool{
		"12345678": true, "aZ09@.+_-": true, "f47ac10b-58cc-4372-a567-0e02b2c3d479": true, strings.Repeat("x", 40): true,
		"": false, "1234567": false, strings.Repeat("x", 41): false, "1234 5678": false, "1234/5678": false, "1234#5678": false,
		"12345678\n": false, "１２３４５６７８": false, "ünïcödé9": false, "12345678%": false,
	} {
		in := adaIn
		in.UserID = entrupy.UserID(id)
		before := s.count()
		_, err := client.Users.Authorize(t.Context(), in)
		if ok {
			require.NoError(t, err, id)
			continue
		}
		e := fails(t, err, identkit.ErrInvalidRequest)
		assert.Equal(t, "unique_user_id", e.Fields[0].Field)
		assert.Equal(t, before, s.count(), "nothing is sent")
	}
}

func TestAConflictCarriesTheAuthorizationUncut(t *testing.T) {
	t.Parallel()
	for variant, with := range map[entrupytest.Conflict]bool{entrupytest.ConflictWith: true, entrupytest.ConflictWithout: false} {
		srv := dialect(entrupytest.Dialect{Conflict: variant})
		client := unlimited(srv)
		_, err := client.Users.Authorize(t.Context(), adaIn)
		require.NoError(t, err, "the first call is none")
		_, err = client.Users.Authorize(t.Context(), adaIn)
		e := fails(t, err, identkit.ErrConflict)
		assert.False(t, e.OutcomeUnknown)
		assert.Len(t, e.Attempts, 1)
		var conflict *entrupy.AuthorizeConflict
		require.ErrorAs(t, err, &conflict)
		assert.Equal(t, with, conflict.Authorization != nil)
		if with {
			_, err := srv.Login(conflict.Authorization.SignedRequest)
			require.NoError(t, err)
			assert.Equal(t, entrupy.Username("Shop-shop42.user-90817"), conflict.Authorization.Username)
		}
	}
	long := strings.Repeat("x", 20_000)
	_, client := stubbed(t, 409, `{"username":"Shop-1","signed_authorization_request":"`+long+`"}`)
	_, err := client.Users.Authorize(t.Context(), adaIn)
	var conflict *entrupy.AuthorizeConflict
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, long, conflict.Authorization.SignedRequest.Reveal())
	assert.Equal(t, entrupy.Username("Shop-1"), conflict.Authorization.Username)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, conflict), "xxx")

	for _, body := range []string{``, `{}`, `null`, `{"error":"exists"}`, `{"signed_authorization_request":null}`, `{"signed_authorization_request":7,"username":"u"}`, `[]`, `x`} {
		_, client := stubbed(t, 409, body)
		_, err := client.Users.Authorize(t.Context(), adaIn)
		fails(t, err, identkit.ErrConflict)
		var conflict *entrupy.AuthorizeConflict
		require.ErrorAs(t, err, &conflict, body)
		assert.Nil(t, conflict.Authorization, body)
	}
	_, client = stubbed(t, 409, `{}`)
	assert.NotErrorAs(t, client.Ping(t.Context()), &conflict, "it is one of Authorize alone")
}

func TestARequestOfTheSDKMayBeGoodOnce(t *testing.T) {
	t.Parallel()
	client := unlimited(dialect(entrupytest.Dialect{SingleUseRequests: true, SuccessStatus: 201}))
	_, err := client.Users.Authorize(t.Context(), adaIn)
	require.NoError(t, err, "any 2xx is success")
	_, err = client.Users.Authorize(t.Context(), adaIn)
	fails(t, err, identkit.ErrForbidden)
}
