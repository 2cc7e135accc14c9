package powerauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

func TestRegistrationLifecycle(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	client, ctx := srv.Client(), t.Context()

	created, err := client.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app", Flags: []string{"PRIMARY"}})
	require.NoError(t, err)
	code, err := protocol.ParseActivationCode(created.ActivationCode.Reveal())
	require.NoError(t, err)
	key, err := protocol.ParsePublicKey(srv.MasterPublicKey())
	require.NoError(t, err)
	require.NoError(t, protocol.ActivationQR{Code: code, Signature: created.ActivationCodeSignature}.Verify(key))

	reg, err := client.Registrations.Get(ctx, created.ID)
	require.NoError(t, err)
	assert.Equal(t, powerauth.RegistrationCreated, reg.Status)
	assert.Equal(t, created.ActivationCode, reg.ActivationCode)
	assert.Equal(t, []string{"PRIMARY"}, reg.Flags)
	assert.Equal(t, powerauth.UserID("u-1"), reg.UserID)
	assert.WithinDuration(t, time.Now(), reg.Created, time.Minute)

	require.ErrorIs(t, client.Registrations.Commit(ctx, created.ID, powerauth.CommitRegistrationParams{}), identkit.ErrConflict, "nothing to commit yet")

	id, err := srv.Activate(created.ActivationCode, powerauthtest.Activation{Name: "Phone", Platform: "ios", DeviceInfo: "iPhone16,1"})
	require.NoError(t, err)
	require.Equal(t, created.ID, id)
	reg, err = client.Registrations.Get(ctx, id)
	require.NoError(t, err)
	assert.Equal(t, powerauth.RegistrationPendingCommit, reg.Status)
	assert.Len(t, reg.ActivationFingerprint, 8)
	assert.Equal(t, "ios", reg.Platform)

	require.NoError(t, client.Registrations.Commit(ctx, id, powerauth.CommitRegistrationParams{ExternalUserID: "clerk-7"}))
	entry, _ := srv.Journal().Last("powerauth.Registrations.Commit")
	assert.JSONEq(t, `{"externalUserId":"clerk-7"}`, string(entry.Body))
	require.ErrorIs(t, client.Registrations.Commit(ctx, id, powerauth.CommitRegistrationParams{}), identkit.ErrConflict, "the second commit fails")

	require.NoError(t, client.Registrations.Block(ctx, id, identkit.WithBodyField("reason", "DEVICE_LOST")))
	require.NoError(t, client.Registrations.Block(ctx, id), "blocking again changes nothing")
	reg, err = client.Registrations.Get(ctx, id)
	require.NoError(t, err)
	assert.Equal(t, powerauth.RegistrationBlocked, reg.Status)
	assert.Equal(t, "DEVICE_LOST", reg.BlockedReason)
	require.NoError(t, client.Registrations.Unblock(ctx, id))
	require.NoError(t, client.Registrations.Unblock(ctx, id), "unblocking again changes nothing")

	list, err := client.Registrations.List(ctx, powerauth.ListRegistrationsParams{UserID: "u-1"})
	require.NoError(t, err)
	require.Len(t, list.Registrations, 1)
	assert.Equal(t, powerauth.RegistrationActive, list.Registrations[0].Status)
	assert.Equal(t, powerauth.UserID("u-1"), list.Registrations[0].UserID, "filled in from the input")
	assert.NotContains(t, string(list.Registrations[0].RawJSON()), "userId", "as in the vendor's sample")

	require.NoError(t, client.Registrations.Delete(ctx, id))
	require.NoError(t, client.Registrations.Delete(ctx, id), "removing again succeeds")
	require.ErrorIs(t, client.Registrations.Block(ctx, id), identkit.ErrConflict)
	list, err = client.Registrations.List(ctx, powerauth.ListRegistrationsParams{UserID: "u-1"})
	require.NoError(t, err)
	assert.Empty(t, list.Registrations)
	list, err = client.Registrations.List(ctx, powerauth.ListRegistrationsParams{UserID: "u-1", Removed: true})
	require.NoError(t, err)
	assert.Len(t, list.Registrations, 1)
}

func TestCreateRegistrationSendsEveryDocumentedField(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	expires := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	_, err := srv.Client().Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{
		UserID: "u-1", AppID: "app", OTP: "1234", CommitPhase: powerauth.CommitOnCommit, Flags: []string{"A", "B"}, Expires: expires, IncompleteStatusCheck: true,
	})
	require.NoError(t, err)
	entry, ok := srv.Journal().Last("powerauth.Registrations.Create")
	require.True(t, ok)
	assert.JSONEq(t, fmt.Sprintf(`{"userId":"u-1","appId":"app","otp":"1234","commitPhase":"ON_COMMIT","flags":["A","B"],"timestampRegistrationExpire":%d}`, expires.UnixMilli()), string(entry.Body))
	assert.Equal(t, "true", entry.Query.Get("incompleteStatusCheck"))
	assert.Equal(t, "application/json", entry.Header.Get("Content-Type"))
	assert.Equal(t, "application/json", entry.Header.Get("Accept"))
	assert.True(t, strings.HasPrefix(entry.Header.Get("User-Agent"), "identkit/"))

	_, err = srv.Client().Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app", OTP: "1234", OTPValidation: powerauth.OTPOnKeyExchange})
	require.NoError(t, err)
	entry, _ = srv.Journal().Last("powerauth.Registrations.Create")
	assert.JSONEq(t, `{"userId":"u-1","appId":"app","otp":"1234","otpValidation":"ON_KEY_EXCHANGE"}`, string(entry.Body))
}

func TestIncompleteStatusCheckRefusesASecondRegistration(t *testing.T) {
	t.Parallel()
	client := powerauthtest.NewServer(t).Client()
	in := powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app", IncompleteStatusCheck: true}
	_, err := client.Registrations.Create(t.Context(), in)
	require.NoError(t, err)
	_, err = client.Registrations.Create(t.Context(), in)
	require.ErrorIs(t, err, identkit.ErrConflict)
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, powerauth.CodeRegistrationNotAllowed, e.Code)
	assert.False(t, e.OutcomeUnknown)
}

func TestOTPIsCheckedInTheConfiguredPhase(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	client, ctx := srv.Client(), t.Context()

	atExchange, err := client.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: "u", AppID: "app", OTP: "77", CommitPhase: powerauth.CommitOnKeyExchange})
	require.NoError(t, err)
	_, err = srv.Activate(atExchange.ActivationCode, powerauthtest.Activation{OTP: "78"})
	require.ErrorIs(t, err, powerauthtest.ErrInvalidOTP)
	_, err = srv.Activate(atExchange.ActivationCode, powerauthtest.Activation{OTP: "77"})
	require.NoError(t, err)

	atCommit, err := client.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: "u", AppID: "app", OTP: "77", CommitPhase: powerauth.CommitOnCommit})
	require.NoError(t, err)
	_, err = srv.Activate(atCommit.ActivationCode, powerauthtest.Activation{})
	require.NoError(t, err)
	require.ErrorIs(t, client.Registrations.Commit(ctx, atCommit.ID, powerauth.CommitRegistrationParams{}), identkit.ErrRejected)
	require.NoError(t, client.Registrations.Commit(ctx, atCommit.ID, powerauth.CommitRegistrationParams{}, identkit.WithBodyField("otp", identkit.Secret("77"))))

	removed, err := client.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: "u", AppID: "app", OTP: "77", CommitPhase: powerauth.CommitOnKeyExchange})
	require.NoError(t, err)
	for range 5 {
		_, err = srv.Activate(removed.ActivationCode, powerauthtest.Activation{OTP: "0"})
		require.ErrorIs(t, err, powerauthtest.ErrInvalidOTP)
	}
	_, err = srv.Activate(removed.ActivationCode, powerauthtest.Activation{OTP: "77"})
	require.ErrorIs(t, err, powerauthtest.ErrNoRegistration, "the fifth wrong OTP removes it")
}

func TestBadRegistrationInputNamesTheFieldAndSendsNothing(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	client := srv.Client()
	good := powerauth.CreateRegistrationParams{UserID: "u", AppID: "a"}
	create := func(change func(*powerauth.CreateRegistrationParams)) func(context.Context) error {
		return func(ctx context.Context) error {
			in := good
			change(&in)
			_, err := client.Registrations.Create(ctx, in)
			return err
		}
	}
	for name, c := range map[string]struct {
		call  func(context.Context) error
		field string
	}{
		"empty user":               {create(func(in *powerauth.CreateRegistrationParams) { in.UserID = "" }), "userId"},
		"user too long":            {create(func(in *powerauth.CreateRegistrationParams) { in.UserID = powerauth.UserID(strings.Repeat("é", 256)) }), "userId"},
		"user that is not UTF-8":   {create(func(in *powerauth.CreateRegistrationParams) { in.UserID = "\xff" }), "userId"},
		"empty application":        {create(func(in *powerauth.CreateRegistrationParams) { in.AppID = "" }), "appId"},
		"OTP without its setting":  {create(func(in *powerauth.CreateRegistrationParams) { in.OTP = "1" }), "otp"},
		"OTP with validation NONE": {create(func(in *powerauth.CreateRegistrationParams) { in.OTP, in.OTPValidation = "1", powerauth.OTPNone }), "otp"},
		"validation without OTP":   {create(func(in *powerauth.CreateRegistrationParams) { in.OTPValidation = powerauth.OTPOnCommit }), "otpValidation"},
		"validation and phase": {create(func(in *powerauth.CreateRegistrationParams) {
			in.OTP, in.OTPValidation, in.CommitPhase = "1", powerauth.OTPOnCommit, powerauth.CommitOnCommit
		}), "otpValidation"},
		"unknown phase":      {create(func(in *powerauth.CreateRegistrationParams) { in.CommitPhase = "LATER" }), "commitPhase"},
		"unknown validation": {create(func(in *powerauth.CreateRegistrationParams) { in.OTPValidation = "LATER" }), "otpValidation"},
		"empty flag":         {create(func(in *powerauth.CreateRegistrationParams) { in.Flags = []string{""} }), "flags"},
		"past expiry":        {create(func(in *powerauth.CreateRegistrationParams) { in.Expires = time.Now().Add(-time.Second) }), "timestampRegistrationExpire"},
		"get without id":     {func(ctx context.Context) error { _, err := client.Registrations.Get(ctx, ""); return err }, "registrationId"},
		"get of the parent":  {func(ctx context.Context) error { _, err := client.Registrations.Get(ctx, ".."); return err }, "registrationId"},
		"block without id":   {func(ctx context.Context) error { return client.Registrations.Block(ctx, "") }, "registrationId"},
		"unblock of a dot":   {func(ctx context.Context) error { return client.Registrations.Unblock(ctx, ".") }, "registrationId"},
		"commit without id": {func(ctx context.Context) error {
			return client.Registrations.Commit(ctx, "", powerauth.CommitRegistrationParams{})
		}, "registrationId"},
		"delete of the parent": {func(ctx context.Context) error { return client.Registrations.Delete(ctx, "..") }, "registrationId"},
		"list without user": {func(ctx context.Context) error {
			_, err := client.Registrations.List(ctx, powerauth.ListRegistrationsParams{})
			return err
		}, "userId"},
		"own Authorization header": {func(ctx context.Context) error {
			_, err := client.Registrations.Get(ctx, "x", identkit.WithHeader("authorization", "Basic x"))
			return err
		}, "header Authorization"},
		"header with a line break": {func(ctx context.Context) error {
			_, err := client.Registrations.Get(ctx, "x", identkit.WithHeader("X-A", "a\r\nB: c"))
			return err
		}, "header X-A"},
		"body field taken": {func(ctx context.Context) error {
			return client.Registrations.Block(ctx, "x", identkit.WithBodyField("change", "REMOVE"))
		}, "WithBodyField[change]"},
		"body field without a body": {func(ctx context.Context) error {
			return client.Registrations.Delete(ctx, "x", identkit.WithBodyField("a", 1))
		}, "WithBodyField"},
		"negative attempts of a call": {func(ctx context.Context) error {
			return client.Registrations.Delete(ctx, "x", identkit.WithAttempts(-1))
		}, "WithAttempts"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.call(t.Context())
			require.ErrorIs(t, err, identkit.ErrInvalidRequest)
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			require.NotEmpty(t, e.Fields)
			assert.Equal(t, c.field, e.Fields[0].Field)
			assert.Contains(t, err.Error(), c.field)
			assert.Empty(t, e.Attempts)
			assert.False(t, e.OutcomeUnknown)
		})
	}
	assert.Zero(t, srv.Journal().Len(), "nothing was sent")
}

func TestRegistrationVariants(t *testing.T) {
	t.Parallel()
	t.Run("unknown id as an error", func(t *testing.T) {
		t.Parallel()
		_, err := powerauthtest.NewServer(t).Client().Registrations.Get(t.Context(), "unknown")
		require.ErrorIs(t, err, identkit.ErrNotFound)
	})
	t.Run("unknown id as REMOVED", func(t *testing.T) {
		t.Parallel()
		srv := powerauthtest.NewServer(t, func(o *powerauthtest.Options) { o.Dialect.UnknownRegistrationIsRemoved = true })
		reg, err := srv.Client().Registrations.Get(t.Context(), "unknown")
		require.NoError(t, err)
		assert.True(t, reg.Status.IsFinal())
		assert.Empty(t, reg.Flags)
	})
	t.Run("success in an envelope, fractional times, QR data only, list with users", func(t *testing.T) {
		t.Parallel()
		srv := powerauthtest.NewServer(t, func(o *powerauthtest.Options) {
			o.Dialect.EnvelopeSuccess, o.Dialect.FractionalTimes, o.Dialect.QRDataOnly, o.Dialect.ListWithUserID = true, true, true, true
		})
		client := srv.Client()
		created, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u", AppID: "a"})
		require.NoError(t, err)
		_, err = protocol.ParseActivationCode(created.ActivationCode.Reveal())
		require.NoError(t, err, "taken from the QR data")
		list, err := client.Registrations.List(t.Context(), powerauth.ListRegistrationsParams{UserID: "u"})
		require.NoError(t, err)
		require.Len(t, list.Registrations, 1)
		assert.WithinDuration(t, time.Now(), list.Registrations[0].Created, time.Minute)
		require.NoError(t, client.Registrations.Delete(t.Context(), created.ID))
	})
	t.Run("lists of usable registrations only", func(t *testing.T) {
		t.Parallel()
		client := powerauthtest.NewServer(t, func(o *powerauthtest.Options) { o.Dialect.ListOnlyUsable = true }).Client()
		_, err := client.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u", AppID: "a"})
		require.NoError(t, err)
		list, err := client.Registrations.List(t.Context(), powerauth.ListRegistrationsParams{UserID: "u"})
		require.NoError(t, err)
		assert.Empty(t, list.Registrations)
	})
	t.Run("401 by either code", func(t *testing.T) {
		t.Parallel()
		for _, code := range []string{"HTTP_401", "ERROR_UNAUTHORIZED"} {
			srv := powerauthtest.NewServer(t, func(o *powerauthtest.Options) { o.Dialect.UnauthorizedCode = code })
			client := srv.Client(func(cfg *powerauth.Config) { cfg.Credentials = powerauth.BasicAuth("integration", "wrong") })
			_, err := client.Registrations.Get(t.Context(), "x")
			require.ErrorIs(t, err, identkit.ErrUnauthorized)
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, code, e.Code)
			assert.Equal(t, 1, srv.Journal().Count("powerauth.Registrations.Get"), "no storm")
		}
	})
}

func TestIncompleteRegistrationResponsesAreErrors(t *testing.T) {
	t.Parallel()
	get := func(c *powerauth.Client) error { _, err := c.Registrations.Get(t.Context(), "r-1"); return err }
	list := func(c *powerauth.Client) error {
		_, err := c.Registrations.List(t.Context(), powerauth.ListRegistrationsParams{UserID: "u"})
		return err
	}
	create := func(c *powerauth.Client) error {
		_, err := c.Registrations.Create(t.Context(), powerauth.CreateRegistrationParams{UserID: "u", AppID: "a"})
		return err
	}
	block := func(c *powerauth.Client) error { return c.Registrations.Block(t.Context(), "r-1") }
	for _, c := range []struct {
		name, body string
		call       func(*powerauth.Client) error
	}{
		{"no status", `{"registrationId":"r-1"}`, get},
		{"null status", `{"registrationId":"r-1","registrationStatus":null}`, get},
		{"status of another type", `{"registrationId":"r-1","registrationStatus":{}}`, get},
		{"no id", `{"registrationStatus":"ACTIVE"}`, get},
		{"another registration", `{"registrationId":"r-2","registrationStatus":"ACTIVE"}`, get},
		{"success and failure in one", `{"status":"ERROR","responseObject":{"code":"ERROR_GENERIC"}}`, get},
		{"no list", `{}`, list},
		{"null list", `{"registrations":null}`, list},
		{"null in the list", `{"registrations":[null]}`, list},
		{"a list that is none", `{"registrations":{}}`, list},
		{"list under another case", `{"Registrations":[]}`, list},
		{"list item with a duplicate", `{"registrations":[{"registrationId":"r","registrationStatus":"BLOCKED","registrationStatus":"ACTIVE"}]}`, list},
		{"list item with two users", `{"registrations":[{"registrationId":"r","registrationStatus":"ACTIVE","userId":"u","userId":"u"}]}`, list},
		{"status under another case", `{"registrationId":"r-1","RegistrationStatus":"ACTIVE"}`, get},
		{"masked code", `{"registrationId":"r","activationCode":"[secret]"}`, create},
		{"another user's device", `{"registrations":[{"registrationId":"r","registrationStatus":"ACTIVE","userId":"mallory"}]}`, list},
		{"list item without status", `{"registrations":[{"registrationId":"r"}]}`, list},
		{"no code", `{"registrationId":"r"}`, create},
		{"code without registration", `{"activationCode":"x"}`, create},
		{"a page for a change", `<html>ok</html>`, block},
		{"bare failure for a change", `{"status":"ERROR"}`, block},
		{"a text for a change", `"ok"`, block},
		{"an empty body for a change", ``, block},
		{"failure for a change", `{"status":"ERROR","responseObject":{"code":"ERROR_REGISTRATION_CHANGE"}}`, block},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := powerauthtest.NewServer(t)
			srv.Fault(identkittest.Any().Body(http.StatusOK, "application/json", []byte(c.body)))
			err := c.call(srv.Client())
			require.ErrorIs(t, err, identkit.ErrBadResponse)
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, http.StatusOK, e.Status)
			assert.Equal(t, 1, srv.Journal().Len(), "a bad response is not retried")
		})
	}
}

func TestUnknownFieldsAndValuesPassThrough(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	body := `{"registrationId":"R-1","registrationStatus":"HIBERNATING","flags":null,"timestampCreated":"2023-12-01T10:20:30Z","timestampLastUsed":null,"newField":{"a":[1]}}`
	srv.Fault(identkittest.Any().Body(200, "text/plain", []byte(body)))
	reg, err := srv.Client().Registrations.Get(t.Context(), "r-1")
	require.NoError(t, err)
	assert.Equal(t, powerauth.RegistrationStatus("HIBERNATING"), reg.Status)
	assert.False(t, reg.Status.Known())
	assert.False(t, reg.Status.IsFinal())
	assert.Equal(t, 2023, reg.Created.Year())
	assert.True(t, reg.LastUsed.IsZero())
	assert.JSONEq(t, body, string(reg.RawJSON()))
}

func TestWhatDecidesNothingNeverCostsARegistration(t *testing.T) {
	t.Parallel()
	for member, value := range map[string]string{
		"name": `{}`, "platform": `[]`, "deviceInfo": `{"a":1}`, "blockedReason": `[1]`, "flags": `{"a":1}`, "timestampCreated": `"yesterday"`,
		"timestampLastUsed": `[]`, "activationFingerprint": `{}`, "activationCodeSignature": `[1]`,
	} {
		for _, value := range []string{value, `null`} {
			_, client := stubbed(t, 200, `{"registrationId":"r-1","registrationStatus":"ACTIVE","`+member+`":`+value+`}`)
			reg, err := client.Registrations.Get(t.Context(), "r-1")
			require.NoError(t, err, member)
			assert.Contains(t, string(reg.RawJSON()), value, "it stays reachable")
			reg.Raw = identkit.Raw{}
			assert.Equal(t, powerauth.Registration{ID: "r-1", Status: powerauth.RegistrationActive}, *reg, member)
		}
	}
}

func TestErrorsHoldTheProvidersDetails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		kind   identkit.Kind
		code   string
		field  string
	}{
		{"validation", 400, `{"status":"ERROR","responseObject":{"code":"ERROR_REQUEST","message":"m","violations":[{"fieldName":"createX.userId","invalidValue":null,"hint":"must not be null"}]}}`, identkit.ErrRejected, "ERROR_REQUEST", "createX.userId"},
		{"not found", 400, `{"status":"ERROR","responseObject":{"code":"ERROR_REGISTRATION_NOT_FOUND","message":"m"}}`, identkit.ErrNotFound, "ERROR_REGISTRATION_NOT_FOUND", ""},
		{"wrong state", 400, `{"status":"ERROR","responseObject":{"code":"ERROR_REGISTRATION_CHANGE","message":"m"}}`, identkit.ErrConflict, "ERROR_REGISTRATION_CHANGE", ""},
		{"unknown code", 400, `{"status":"ERROR","responseObject":{"code":"ERROR_TOMORROW","message":"m"}}`, identkit.ErrRejected, "ERROR_TOMORROW", ""},
		{"wrong path is not a missing entity", 404, `{"status":"ERROR","responseObject":{"code":"ERROR_NOT_FOUND","message":"m"}}`, identkit.ErrRejected, "ERROR_NOT_FOUND", ""},
		{"servlet container", 404, `{"timestamp":"2024","status":404,"error":"Not Found","path":"/x"}`, identkit.ErrRejected, "", ""},
		{"forbidden", 403, ``, identkit.ErrForbidden, "", ""},
		{"a proxy's page", 502, `<html><body>Bad Gateway</body></html>`, identkit.ErrUnavailable, "", ""},
		{"engine unreachable", 500, `{"status":"ERROR","responseObject":{"code":"ERROR_INTERNAL_API","message":"m"}}`, identkit.ErrUnavailable, "ERROR_INTERNAL_API", ""},
		{"invalid types", 400, `{"status":1,"responseObject":{"code":{},"message":[]}}`, identkit.ErrRejected, "", ""},
		{"cut", 400, `{"status":"ERROR","responseObject":{"co`, identkit.ErrRejected, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := powerauthtest.NewServer(t)
			srv.Fault(identkittest.Any().Body(c.status, "application/json", []byte(c.body)).Header("X-Request-Id", "req-1"))
			err := srv.Client().Registrations.Block(t.Context(), "r-1", identkit.WithAttempts(1))
			require.ErrorIs(t, err, c.kind)
			var e *identkit.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, c.status, e.Status)
			assert.Equal(t, c.code, e.Code)
			assert.Equal(t, "req-1", e.RequestID)
			assert.Equal(t, "powerauth.Registrations.Change", e.Operation)
			assert.Equal(t, c.body, string(e.Body()))
			if c.field != "" {
				require.Len(t, e.Fields, 1)
				assert.Equal(t, identkit.FieldError{Field: c.field, Reason: "must not be null", Value: "null"}, e.Fields[0])
				assert.Contains(t, err.Error(), c.field)
			}
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestParamsAreReadFromTheVendorsRequestBodies(t *testing.T) {
	t.Parallel()
	var in powerauth.CreateRegistrationParams
	require.NoError(t, json.Unmarshal([]byte(`{"userId":"u","appId":"a","otp":"1","commitPhase":"ON_COMMIT","timestampRegistrationExpire":1701426030500}`), &in))
	assert.Equal(t, identkit.Secret("1"), in.OTP)
	assert.Equal(t, int64(1701426030500), in.Expires.UnixMilli())
	printed, err := json.Marshal(in)
	require.NoError(t, err)
	assert.NotContains(t, string(printed), `"1"`, "printing one masks the OTP")
	var op powerauth.CreateOperationParams
	require.NoError(t, json.Unmarshal([]byte(`{"template":"t","Template":"other","timestampExpires":"2026-03-01T10:00Z","parameters":{"a":"1"},"silent":null,"proximityCheckEnabled":true}`), &op))
	yes := true
	assert.Equal(t, powerauth.CreateOperationParams{Template: "t", Expires: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Parameters: map[string]string{"a": "1"}, ProximityCheckEnabled: &yes}, op)
}

func TestBodiesOfABackendsOwnClientsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"timestampRegistrationExpire":"soon"}`, `{"timestampRegistrationExpire":{}}`, `{"userId":7}`, `{"otp":7}`, `{"otp":"[secret]"}`, `{"flags":"A"}`, `{"flags":[7]}`,
		`{"userId":"canary","userId":"b"}`, `{"x":{"a":1,"a":2}}`, "{\"userId\":\"J\xf6rg\"}", `{"userId":"\ud800"}`, `[]`, `"canary"`,
	} {
		var in powerauth.CreateRegistrationParams
		err := json.Unmarshal([]byte(body), &in)
		require.Error(t, err, body)
		assert.NotContains(t, err.Error(), "canary")
	}
	for _, body := range []string{
		`{"template":1}`, `{"silent":"true"}`, `{"proximityCheckEnabled":1}`, `{"proximityCheckEnabled":"no"}`, `{"timestampExpires":"1.5.2026"}`, `{"timestampExpires":true}`,
		`{"parameters":{"a":1}}`, `{"parameters":[]}`, `{"parameters":{"a":"1","a":"2"}}`, `{"template":"a","template":"b"}`,
	} {
		var in powerauth.CreateOperationParams
		require.Error(t, json.Unmarshal([]byte(body), &in), body)
	}
}

func TestAnEmptyEnvelopeIsASuccess(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	srv.Fault(identkittest.Any().Body(200, "application/json", []byte(`{"status":"OK","responseObject":null}`)))
	require.NoError(t, srv.Client().Registrations.Delete(t.Context(), "r-1"))
}
