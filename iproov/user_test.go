package iproov_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestUserLifecycle(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]func(*iproovtest.Options){
		"as documented": func(*iproovtest.Options) {},
		"other variants": func(o *iproovtest.Options) {
			o.Dialect.TitleCaseStatus, o.Dialect.UnknownUserCode, o.Dialect.ExpiresInAsText, o.Dialect.ScopeAs = true, iproov.CodeNoUser, true, "text"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := iproovtest.NewServer(t, opts)
			srv.AddUser(alice, iproov.UserActive)
			users, ctx := srv.Client().Users, t.Context()

			u, err := users.Get(ctx, alice)
			require.NoError(t, err)
			assert.Equal(t, alice, u.ID)
			assert.True(t, u.Status.Is(iproov.UserActive))
			assert.True(t, u.Status.Known())
			assert.False(t, u.Status.IsFinal())
			assert.WithinDuration(t, time.Now(), u.Activated, time.Minute)
			assert.True(t, u.Suspended.IsZero())
			assert.NotEmpty(t, u.RawJSON())

			u, err = users.Suspend(ctx, alice, time.Time{})
			require.NoError(t, err)
			assert.True(t, u.Status.Is(iproov.UserSuspended))
			entry, _ := srv.Journal().Last("iproov.Users.Suspend")
			assert.JSONEq(t, `{}`, string(entry.Body), "the body is required")
			u, err = users.Activate(ctx, alice, time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.FixedZone("", 3600)))
			require.NoError(t, err)
			entry, _ = srv.Journal().Last("iproov.Users.Activate")
			assert.JSONEq(t, `{"date_time":"2026-01-02T02:04:05.006Z"}`, string(entry.Body))
			assert.True(t, u.Status.Is(iproov.UserSuspended), "the later change counts")
			_, err = users.Activate(ctx, alice, time.Time{})
			require.NoError(t, err)

			u, err = users.Update(ctx, alice, iproov.UpdateUserParams{Name: "Alice A."})
			require.NoError(t, err)
			assert.Equal(t, "Alice A.", u.Name)
			u, err = users.Update(ctx, alice, iproov.UpdateUserParams{UserID: "o'hara+1@x.y"})
			require.NoError(t, err)
			assert.Equal(t, iproov.UserID("o'hara+1@x.y"), u.ID)
			_, err = users.Get(ctx, alice)
			require.ErrorIs(t, err, identkit.ErrNotFound)
			_, err = users.Get(ctx, "o'hara+1@x.y")
			require.NoError(t, err)

			u, err = users.Delete(ctx, "o'hara+1@x.y")
			require.NoError(t, err)
			assert.True(t, u.Status.Is(iproov.UserDeleted))
			assert.True(t, u.Status.IsFinal())
			_, err = users.Delete(ctx, "o'hara+1@x.y")
			require.ErrorIs(t, err, identkit.ErrNotFound)
			require.NoError(t, users.DeleteIfExists(ctx, "o'hara+1@x.y"), "the user is not there")
		})
	}
}

func TestDeleteIfExistsDoesNotTakeAWrongAddressForDone(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	srv.Fault(identkittest.On("iproov.Users.Delete").HTML(404))
	require.ErrorIs(t, srv.Client().Users.DeleteIfExists(t.Context(), alice), identkit.ErrNotFound)
	srv.ClearFaults()
	srv.Fault(identkittest.On("iproov.Users.Delete").Status(500))
	require.ErrorIs(t, srv.Client().Users.DeleteIfExists(t.Context(), alice), identkit.ErrUnavailable)
}

func TestDeleteIfExistsBelievesIProovsCodesOnly(t *testing.T) {
	t.Parallel()
	for code, gone := range map[string]bool{"not_found": false, "Not Found": false, iproov.CodeNoUser: true, iproov.CodeInvalidUserID: true} {
		srv := iproovtest.New(iproovtest.Options{})
		srv.Fault(identkittest.On("iproov.Users.Delete").JSON(404, map[string]string{"error": code}))
		assert.Equal(t, gone, srv.Client().Users.DeleteIfExists(t.Context(), alice) == nil, code)
	}
}

func TestBadUserIDsAreNotSent(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	users, ctx := srv.Client().Users, t.Context()
	for _, id := range []iproov.UserID{"", ".", "..", "a/b", "a%2fb", "a?b", "a b", "ü", iproov.UserID(strings.Repeat("a", 257))} {
		_, err := users.Get(ctx, id)
		e := fails(t, err, identkit.ErrInvalidRequest, "")
		assert.Len(t, e.Fields, 1, id)
		_, err = users.Update(ctx, id, iproov.UpdateUserParams{Name: "n"})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		_, err = users.Delete(ctx, id)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		require.ErrorIs(t, users.DeleteIfExists(ctx, id), identkit.ErrInvalidRequest)
		_, err = users.Activate(ctx, id, time.Time{})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		_, err = users.Suspend(ctx, id, time.Time{})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	}
	for _, in := range []iproov.UpdateUserParams{{}, {UserID: "a/b"}, {UserID: ".."}, {Name: "\xff"}} {
		_, err := users.Update(ctx, alice, in)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	}
	assert.Zero(t, srv.Journal().Len())
}

func TestWithoutOAuthNothingIsSent(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client(func(cfg *iproov.Config) { cfg.OAuth = iproov.OAuth{} })
	_, err := client.Users.Get(t.Context(), alice)
	require.ErrorIs(t, err, identkit.ErrUnauthorized)
	require.ErrorContains(t, err, "needs Config.OAuth")
	_, err = client.AccessToken(t.Context())
	require.ErrorContains(t, err, "needs Config.OAuth")
	assert.Zero(t, srv.Journal().Len())
}

func TestAUserResponseIsAboutTheUserAskedFor(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	for body, ok := range map[string]bool{
		`{"user_id":"` + string(alice) + `","status":"ACTIVE","suspension_date":null,"activation_date":"2016-04-16T16:06:05.123Z"}`: true,
		`{"user_id":"` + string(alice) + `","status":"new"}`:                                                                        true,
		`{"user_id":"` + string(alice) + `"}`:                                                                                       false,
		`{"status":"active"}`:                                                                                                       false,
		`{"user_id":"another","status":"active"}`:                                                                                   false,
		`{"user_id":"` + string(alice) + `",`:                                                                                       false,
		`{"user_id":["` + string(alice) + `"],"a":1`:                                                                                false,
	} {
		srv.ClearFaults()
		srv.Fault(identkittest.On("iproov.Users.Get").Body(200, "application/json", []byte(body)))
		u, err := srv.Client().Users.Get(t.Context(), alice)
		if !ok {
			require.ErrorIs(t, err, identkit.ErrBadResponse, body)
			continue
		}
		require.NoError(t, err, body)
		assert.Equal(t, u.Status.Is(iproov.UserActive), u.Status.Known())
	}
	srv.ClearFaults()
	srv.Fault(identkittest.On("iproov.Users.Update").Body(200, "application/json", []byte(`{"user_id":"third","status":"active"}`)))
	_, err := srv.Client().Users.Update(t.Context(), alice, iproov.UpdateUserParams{UserID: "second"})
	require.ErrorIs(t, err, identkit.ErrBadResponse)
}

func TestRepeatedUserCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call     func(*testing.T, iproov.Users) error
		op       string
		attempts int
		want     error
	}{
		"a new name is sent again": {func(t *testing.T, u iproov.Users) error {
			_, err := u.Update(t.Context(), alice, iproov.UpdateUserParams{Name: "n"})
			return err
		}, "iproov.Users.Update", 2, nil},
		"the same id is no new one": {func(t *testing.T, u iproov.Users) error {
			_, err := u.Update(t.Context(), alice, iproov.UpdateUserParams{UserID: alice, Name: "n"})
			return err
		}, "iproov.Users.Update", 2, nil},
		"a new id is not": {func(t *testing.T, u iproov.Users) error {
			_, err := u.Update(t.Context(), alice, iproov.UpdateUserParams{UserID: "bob"})
			return err
		}, "iproov.Users.Update", 1, identkit.ErrOutcomeUnknown},
		"a deletion is, and finds nothing": {func(t *testing.T, u iproov.Users) error {
			_, err := u.Delete(t.Context(), alice)
			return err
		}, "iproov.Users.Delete", 2, identkit.ErrNotFound},
		"DeleteIfExists is, and succeeds": {func(t *testing.T, u iproov.Users) error {
			return u.DeleteIfExists(t.Context(), alice)
		}, "iproov.Users.Delete", 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := iproovtest.New(iproovtest.Options{})
			srv.AddUser(alice, iproov.UserActive)
			srv.Fault(identkittest.On(c.op).Nth(1).LoseResponse())
			err := c.call(t, srv.Client().Users)
			if c.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, c.want)
			}
			assert.Equal(t, c.attempts, srv.Journal().Count(c.op))
		})
	}
}

func TestPathsCanBeReplacedForANewIDToo(t *testing.T) {
	t.Parallel()
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client(func(cfg *iproov.Config) {
		cfg.Options.Paths = map[string]string{"iproov.Users.Update": "/v3/people/{user_id}"}
	})
	for _, in := range []iproov.UpdateUserParams{{Name: "n"}, {UserID: "bob"}} {
		_, err := client.Users.Update(t.Context(), alice, in)
		require.Error(t, err)
	}
	for _, e := range srv.Journal().For("") {
		assert.Equal(t, "/api/v2/v3/people/"+string(alice), e.Path)
	}
	assert.Equal(t, 2, srv.Journal().Count(""))
}

func FuzzUserID(f *testing.F) {
	srv := iproovtest.New(iproovtest.Options{})
	client := srv.Client()
	f.Fuzz(func(t *testing.T, id string) {
		srv.Journal().Clear()
		_, err := client.Users.Get(t.Context(), iproov.UserID(id))
		if errors.Is(err, identkit.ErrInvalidRequest) {
			require.Zero(t, srv.Journal().Count("iproov.Users.Get"))
			return
		}
		require.ErrorIs(t, err, identkit.ErrNotFound)
		entry, ok := srv.Journal().Last("iproov.Users.Get")
		require.True(t, ok, "it went to no other operation")
		require.Equal(t, id, entry.PathValue("user_id"))
		require.Equal(t, "/api/v2/users/"+strings.ReplaceAll(url.PathEscape(id), "+", "%2B"), entry.Path)
	})
}
