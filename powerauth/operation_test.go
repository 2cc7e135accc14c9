package powerauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

func TestOperationIsApproved(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	client, ctx := srv.Client(), t.Context()
	device := active(t, srv, client, "u-1")

	op, err := client.Operations.Create(ctx, paymentIn)
	require.NoError(t, err)
	assert.Equal(t, powerauth.OperationPending, op.Status)
	assert.False(t, op.IsApproved())
	assert.Equal(t, paymentIn.Parameters, op.Parameters)
	assert.Equal(t, 5, op.MaxFailureCount)
	assert.WithinDuration(t, time.Now().Add(5*time.Minute), op.Expires, time.Minute)

	require.NoError(t, srv.FailApproval(op.ID, device))
	require.NoError(t, srv.Approve(op.ID, device, ""))
	op, err = client.Operations.Get(ctx, op.ID)
	require.NoError(t, err)
	assert.True(t, op.IsApproved())
	assert.Equal(t, 1, op.FailureCount)
	var by powerauth.RegistrationID
	require.NoError(t, json.Unmarshal(op.AdditionalData["activationId"], &by))
	assert.Equal(t, device, by)

	err = client.Operations.Cancel(ctx, op.ID, "")
	require.ErrorIs(t, err, identkit.ErrConflict)
	var e *identkit.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, powerauth.CodeOperationStateChange, e.Code)
	require.ErrorIs(t, srv.Approve(op.ID, device, ""), powerauthtest.ErrState)
}

func TestOperationEndsInEveryOtherWay(t *testing.T) {
	t.Parallel()
	clock := manualClock()
	srv := powerauthtest.NewServer(t, func(o *powerauthtest.Options) { o.Clock = clock })
	client, ctx := srv.Client(), t.Context()
	device := active(t, srv, client, "u-1")
	create := func() powerauth.OperationID {
		op, err := client.Operations.Create(ctx, paymentIn)
		require.NoError(t, err)
		return op.ID
	}
	ends := func(id powerauth.OperationID, status powerauth.OperationStatus, reason string) {
		t.Helper()
		op, err := client.Operations.Get(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, status, op.Status)
		assert.Equal(t, reason, op.StatusReason)
		assert.True(t, op.Status.IsFinal())
		assert.False(t, op.IsApproved())
	}
	id := create()
	require.NoError(t, client.Operations.Cancel(ctx, id, "FRAUD_SUSPECTED"))
	ends(id, powerauth.OperationCanceled, "FRAUD_SUSPECTED")

	id = create()
	require.NoError(t, srv.Reject(id, device, "UNEXPECTED_OPERATION"))
	ends(id, powerauth.OperationRejected, "UNEXPECTED_OPERATION")

	id = create()
	for range 5 {
		require.NoError(t, srv.FailApproval(id, device))
	}
	ends(id, powerauth.OperationFailed, "")

	id = create()
	clock.Advance(5 * time.Minute)
	ends(id, powerauth.OperationExpired, "")
}

func TestOnlyTheUsersDeviceDecides(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	client, ctx := srv.Client(), t.Context()
	mine, other := active(t, srv, client, "u-1"), active(t, srv, client, "u-2")
	second := active(t, srv, client, "u-1")
	for name, c := range map[string]struct {
		change func(*powerauth.CreateOperationParams)
		by     powerauth.RegistrationID
		want   error
	}{
		"the user's device":                 {func(*powerauth.CreateOperationParams) {}, mine, nil},
		"another user's":                    {func(*powerauth.CreateOperationParams) {}, other, powerauthtest.ErrNotAllowed},
		"another device than asked for":     {func(in *powerauth.CreateOperationParams) { in.RegistrationID = mine }, second, powerauthtest.ErrNotAllowed},
		"a device without the flag":         {func(in *powerauth.CreateOperationParams) { in.Flag = "PRIMARY" }, mine, powerauthtest.ErrNotAllowed},
		"whoever claims it, without a user": {func(in *powerauth.CreateOperationParams) { in.UserID = "" }, other, nil},
		"an unknown registration":           {func(*powerauth.CreateOperationParams) {}, "no-such", powerauthtest.ErrNoRegistration},
	} {
		in := paymentIn
		c.change(&in)
		op, err := client.Operations.Create(ctx, in)
		require.NoError(t, err, name)
		require.ErrorIs(t, srv.Approve(op.ID, c.by, ""), c.want, name)
	}
	require.NoError(t, client.Registrations.Block(ctx, mine))
	op, err := client.Operations.Create(ctx, paymentIn)
	require.NoError(t, err)
	require.ErrorIs(t, srv.Approve(op.ID, mine, ""), powerauthtest.ErrState, "a blocked device")
}

func TestProximityCodeChangesAndIsChecked(t *testing.T) {
	t.Parallel()
	clock := manualClock()
	srv := powerauthtest.NewServer(t, func(o *powerauthtest.Options) { o.Clock = clock })
	client, ctx := srv.Client(), t.Context()
	device := active(t, srv, client, "u-1")
	in, yes := paymentIn, true
	in.ProximityCheckEnabled = &yes
	op, err := client.Operations.Create(ctx, in)
	require.NoError(t, err)
	assert.Len(t, op.ProximityOTP.Reveal(), 8)
	require.ErrorIs(t, srv.Approve(op.ID, device, "00000000x"), powerauthtest.ErrInvalidOTP)
	clock.Advance(90 * time.Second)
	again, err := client.Operations.Get(ctx, op.ID)
	require.NoError(t, err)
	assert.NotEqual(t, op.ProximityOTP, again.ProximityOTP)
	require.ErrorIs(t, srv.Approve(op.ID, device, op.ProximityOTP), powerauthtest.ErrInvalidOTP, "an old code")
	require.NoError(t, srv.Approve(op.ID, device, again.ProximityOTP))
	assert.NotContains(t, fmt.Sprintf("%v %+v", again, *again), again.ProximityOTP.Reveal())
}

func TestCreateOperationSendsEveryDocumentedField(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	expires := time.Now().Add(time.Hour)
	no := false
	_, err := srv.Client().Operations.Create(t.Context(), powerauth.CreateOperationParams{
		UserID: "u", Template: "login", Language: "en", ExternalID: "x-1", Flag: "F", Expires: expires,
		Parameters: map[string]string{"note": "a\nb <&>"}, ProximityCheckEnabled: &no, Silent: true, RegistrationID: "r-1",
	})
	require.NoError(t, err)
	entry, _ := srv.Journal().Last("powerauth.Operations.Create")
	assert.JSONEq(t, fmt.Sprintf(`{"userId":"u","template":"login","language":"en","externalId":"x-1","flag":"F","timestampExpires":%d,
		"parameters":{"note":"a\nb <&>"},"proximityCheckEnabled":false,"silent":true,"registrationId":"r-1"}`, expires.UnixMilli()), string(entry.Body))
	_, err = srv.Client().Operations.Create(t.Context(), powerauth.CreateOperationParams{Template: "login"})
	require.NoError(t, err)
	entry, _ = srv.Journal().Last("powerauth.Operations.Create")
	assert.JSONEq(t, `{"template":"login"}`, string(entry.Body), "what is not set is not sent")
}

func TestBadOperationInputNamesTheFieldAndSendsNothing(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	client := srv.Client()
	for name, c := range map[string]struct {
		change func(*powerauth.CreateOperationParams)
		field  string
	}{
		"no template":         {func(in *powerauth.CreateOperationParams) { in.Template = "" }, "template"},
		"over-long user":      {func(in *powerauth.CreateOperationParams) { in.UserID = powerauth.UserID(strings.Repeat("x", 256)) }, "userId"},
		"language in full":    {func(in *powerauth.CreateOperationParams) { in.Language = "english" }, "language"},
		"language of digits":  {func(in *powerauth.CreateOperationParams) { in.Language = "42" }, "language"},
		"past expiry":         {func(in *powerauth.CreateOperationParams) { in.Expires = time.Unix(1, 0) }, "timestampExpires"},
		"tab in a parameter":  {func(in *powerauth.CreateOperationParams) { in.Parameters = map[string]string{"note": "a\tb"} }, "parameters.note"},
		"unnamed parameter":   {func(in *powerauth.CreateOperationParams) { in.Parameters = map[string]string{"": "a"} }, "parameters"},
		"parameter not UTF-8": {func(in *powerauth.CreateOperationParams) { in.Parameters = map[string]string{"a": "\xff"} }, "parameters.a"},
	} {
		in := paymentIn
		c.change(&in)
		_, err := client.Operations.Create(t.Context(), in)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, name)
		var e *identkit.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, c.field, e.Fields[0].Field, name)
	}
	_, err := client.Operations.Get(t.Context(), "..")
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	require.ErrorIs(t, client.Operations.Cancel(t.Context(), "", ""), identkit.ErrInvalidRequest)
	require.ErrorIs(t, client.Operations.Cancel(t.Context(), "o", strings.Repeat("X", 33)), identkit.ErrInvalidRequest)
	assert.Zero(t, srv.Journal().Len())
}

func TestAnOperationNeverReadsAsApprovedWhenItIsNot(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no status":              `{"operationId":"o-1"}`,
		"null status":            `{"operationId":"o-1","status":null}`,
		"status as a number":     `{"operationId":"o-1","status":1}`,
		"empty status":           `{"operationId":"o-1","status":""}`,
		"no id":                  `{"status":"APPROVED"}`,
		"another operation":      `{"operationId":"o-2","status":"APPROVED"}`,
		"null":                   `null`,
		"empty object":           `{}`,
		"list":                   `[{"operationId":"o-1","status":"APPROVED"}]`,
		"duplicate body":         `{"operationId":"o-1","status":"APPROVED"}{"operationId":"o-1","status":"REJECTED"}`,
		"followed by a page":     `{"operationId":"o-1","status":"APPROVED"}<html>`,
		"duplicate status":       `{"operationId":"o-1","status":"REJECTED","status":"APPROVED"}`,
		"status in another case": `{"operationId":"o-1","Status":"APPROVED"}`,
		"two operations":         `{"operationId":"o-2","status":"APPROVED","OPERATIONID":"o-1"}`,
		"other letter case":      `{"operationId":"O-1","status":"APPROVED"}`,
		"long s":                 `{"operationId":"o-1","ſtatus":"APPROVED"}`,
		"duplicate id":           `{"operationId":"o-1","status":"APPROVED","operationId":"o-1"}`,
		"user that is a number":  `{"operationId":"o-1","status":"APPROVED","userId":7}`,
		"plain failure":          `{"operationId":"o-1","status":"ERROR"}`,
		"failure in disguise":    `{"status":"ERROR","responseObject":{"operationId":"o-1","status":"APPROVED"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := powerauthtest.NewServer(t)
			srv.Fault(identkittest.Any().Body(200, "application/json", []byte(body)))
			op, err := srv.Client().Operations.Get(t.Context(), "o-1")
			require.ErrorIs(t, err, identkit.ErrBadResponse)
			assert.Nil(t, op)
		})
	}
	op := powerauth.Operation{Status: "approved"}
	assert.False(t, op.IsApproved(), "only the documented value")
}

func TestOperationResponsesAreReadTolerantly(t *testing.T) {
	t.Parallel()
	srv := powerauthtest.NewServer(t)
	body := `{"status":"PAUSED","operationId":"bzE=/+","parameters":{"amount":100,"note":null},"additionalData":{"nested":{"a":1}},
		"failureCount":"2","maxFailureCount":5.0,"timestampCreated":1.7014260305e12,"timestampExpires":null,"riskFlags":"XF",
		"statusReason":{"code":1},"template":7,"Template":"other"}`
	srv.Fault(identkittest.Any().Body(200, "application/json", []byte(body)))
	op, err := srv.Client().Operations.Get(t.Context(), "bzE=/+")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"amount": "100", "note": ""}, op.Parameters)
	assert.Equal(t, 2, op.FailureCount)
	assert.Equal(t, 5, op.MaxFailureCount)
	assert.Equal(t, int64(1701426030500), op.Created.UnixMilli())
	assert.JSONEq(t, `{"a":1}`, string(op.AdditionalData["nested"]))
	assert.Empty(t, op.StatusReason)
	assert.Equal(t, "7", op.Template)
	assert.False(t, op.Status.Known())
	assert.False(t, op.Status.IsFinal())
	assert.True(t, op.Expires.IsZero())
	assert.Contains(t, string(op.RawJSON()), "riskFlags")
	entry, _ := srv.Journal().Last("powerauth.Operations.Get")
	assert.Equal(t, "bzE=/+", entry.PathValue("operationId"), "escaped on the wire, whole at the other end")
}

func TestWhatDecidesNothingNeverCostsAnOperation(t *testing.T) {
	t.Parallel()
	for member, value := range map[string]string{
		"statusReason": `[1]`, "template": `{}`, "operationType": `[]`, "parameters": `["a"]`, "additionalData": `"a text"`, "failureCount": `"many"`,
		"maxFailureCount": `{}`, "timestampCreated": `"yesterday"`, "timestampExpires": `{"at":1}`,
	} {
		for _, value := range []string{value, `null`} {
			_, client := stubbed(t, 200, `{"operationId":"o-1","status":"PENDING","`+member+`":`+value+`}`)
			op, err := client.Operations.Create(t.Context(), paymentIn)
			require.NoError(t, err, member)
			raw := op.RawJSON()
			op.Raw = identkit.Raw{}
			assert.Equal(t, powerauth.Operation{ID: "o-1", Status: powerauth.OperationPending}, *op, member)
			assert.Contains(t, string(raw), value, "it stays reachable")
		}
	}
	_, client := stubbed(t, 200, `{"operationId":"o-1","status":"PENDING","failureCount":9007199254740993,"timestampCreated":"2026-03-01T10:00+01[Europe/Prague]","timestampExpires":1767261600}`)
	op, err := client.Operations.Get(t.Context(), "o-1")
	require.NoError(t, err)
	assert.Equal(t, "9007199254740993", strconv.Itoa(op.FailureCount), "exactly")
	assert.Equal(t, "2026-03-01T09:00:00Z", op.Created.UTC().Format(time.RFC3339))
	assert.Equal(t, 2026, op.Expires.Year(), "seconds")
}

func TestWaitForAnOperation(t *testing.T) {
	t.Parallel()
	t.Run("approved", func(t *testing.T) {
		t.Parallel()
		bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
			client := srv.Client()
			device := active(t, srv, client, "u-1")
			op, err := client.Operations.Create(t.Context(), paymentIn)
			require.NoError(t, err)
			time.AfterFunc(30*time.Second, func() { _ = srv.Approve(op.ID, device, "") })
			op, err = client.Operations.Wait(t.Context(), op.ID, identkit.WaitPolicy{})
			require.NoError(t, err)
			assert.True(t, op.IsApproved())
		})
	})
	t.Run("expires with the operation", func(t *testing.T) {
		t.Parallel()
		bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
			client := srv.Client()
			op, err := client.Operations.Create(t.Context(), paymentIn)
			require.NoError(t, err)
			op, err = client.Operations.Wait(t.Context(), op.ID, identkit.WaitPolicy{})
			require.NoError(t, err)
			assert.Equal(t, powerauth.OperationExpired, op.Status)
			assert.WithinDuration(t, op.Expires, time.Now(), 5*time.Second)
		})
	})
	t.Run("context ends", func(t *testing.T) {
		t.Parallel()
		bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
			client := srv.Client()
			op, err := client.Operations.Create(t.Context(), paymentIn)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
			defer cancel()
			_, err = client.Operations.Wait(ctx, op.ID, identkit.WaitPolicy{})
			require.ErrorIs(t, err, identkit.ErrTimeout)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			var we *identkit.WaitError[powerauth.Operation]
			require.ErrorAs(t, err, &we)
			require.NotNil(t, we.Last)
			assert.Equal(t, powerauth.OperationPending, we.Last.Status)
			assert.Greater(t, we.Polls, 2)
		})
	})
	t.Run("an outage in between does not end it", func(t *testing.T) {
		t.Parallel()
		bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
			client := srv.Client()
			device := active(t, srv, client, "u-1")
			op, err := client.Operations.Create(t.Context(), paymentIn)
			require.NoError(t, err)
			srv.Fault(identkittest.On("powerauth.Operations.Get").First(9).Status(503))
			time.AfterFunc(5*time.Second, func() { _ = srv.Approve(op.ID, device, "") })
			op, err = client.Operations.Wait(t.Context(), op.ID, identkit.WaitPolicy{})
			require.NoError(t, err)
			assert.True(t, op.IsApproved())
		})
	})
	t.Run("a rejection ends it", func(t *testing.T) {
		t.Parallel()
		srv := powerauthtest.NewServer(t)
		_, err := srv.Client().Operations.Wait(t.Context(), "no-such", identkit.WaitPolicy{})
		require.ErrorIs(t, err, identkit.ErrNotFound)
		var we *identkit.WaitError[powerauth.Operation]
		require.ErrorAs(t, err, &we)
		assert.Nil(t, we.Last)
	})
	t.Run("negative interval", func(t *testing.T) {
		t.Parallel()
		srv := powerauthtest.NewServer(t)
		_, err := srv.Client().Operations.Wait(t.Context(), "o", identkit.WaitPolicy{InitialInterval: -1})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		assert.Zero(t, srv.Journal().Len())
	})
}

func TestWaitIgnoresImplausibleDates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		expires string
		atLeast time.Duration
	}{
		"the end of the year 9999":            {`253402300799999`, time.Minute},
		"an expiry that our clock has passed": {`946684800000`, 29 * time.Second}, // a bubble begins then
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
				srv.Fault(identkittest.Any().Body(200, "application/json", []byte(`{"operationId":"o-1","status":"PENDING","timestampExpires":`+c.expires+`}`)))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				_, err := srv.Client().Operations.Wait(ctx, "o-1", identkit.WaitPolicy{})
				require.ErrorIs(t, err, identkit.ErrTimeout)
				assert.GreaterOrEqual(t, time.Since(start), c.atLeast)
			})
		})
	}
}

func TestUntilBoundsAReadThatHangs(t *testing.T) {
	t.Parallel()
	bubble(t, powerauthtest.Options{}, func(t *testing.T, srv *powerauthtest.Server) {
		srv.Fault(identkittest.Any().SlowHeader(time.Hour))
		start := time.Now()
		_, err := srv.Client().Operations.Wait(t.Context(), "o-1", identkit.WaitPolicy{Until: start.Add(5 * time.Second)})
		require.ErrorIs(t, err, identkit.ErrTimeout)
		assert.Less(t, time.Since(start), 10*time.Second)
	})
}
