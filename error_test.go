package identkit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/seal"
)

func full() *identkit.Error {
	e := &identkit.Error{
		Provider: "powerauth", Operation: "powerauth.Operations.Create", Kind: identkit.ErrUnavailable, Status: 503, Code: "ERROR_GENERIC",
		Message: "the provider's text", RequestID: "req-1", RetryAfter: time.Second, OutcomeUnknown: true, Detail: "a hint",
		Fields: []identkit.FieldError{{Field: "userId", Reason: "the provider's reason", Value: "the value"}}, Attempts: make([]identkit.Attempt, 3), Err: context.DeadlineExceeded,
	}
	seal.ErrorBody(e, []byte("the body"))
	return e
}

func TestErrorIsOneLineFromAnAllowList(t *testing.T) {
	t.Parallel()
	assert.EqualError(t, full(), "powerauth.Operations.Create: unavailable (HTTP 503, ERROR_GENERIC, request id req-1, retry after 1s, 3 attempts, outcome unknown): a hint; userId")
	assert.EqualError(t, &identkit.Error{Kind: identkit.ErrCanceled}, "canceled")
	hostile := &identkit.Error{Kind: identkit.ErrRejected, Code: "a\nb" + strings.Repeat("x", 500), RequestID: "é\x00"}
	assert.NotContains(t, hostile.Error(), "\n")
	assert.Less(t, len(hostile.Error()), 200)
	local := &identkit.Error{Kind: identkit.ErrInvalidRequest, Fields: []identkit.FieldError{{Field: "userId", Reason: "is empty"}}}
	assert.EqualError(t, local, "invalid request: userId is empty")
}

func TestErrorPrintsNoTextOfTheProvider(t *testing.T) {
	t.Parallel()
	e := full()
	lc := identkittest.NewLeakCheck(t)
	for _, s := range []string{"the provider's text", "the provider's reason", "the value", "the body"} {
		lc.Seed(s, s)
	}
	lc.Error(e)
	lc.Value(*e)
	lc.Value(struct{ E *identkit.Error }{e})
	state := "the state"
	lc.Seed(state, state)
	we := &identkit.WaitError[string]{Last: &state, Err: e}
	lc.Error(we)
	lc.Value(*we)
	lc.Logger().Error("failed", "err", e, "wait", we)
	assert.Equal(t, "the body", string(e.Body()), "on request")
}

func TestErrorMatchesItsKind(t *testing.T) {
	t.Parallel()
	e := fmt.Errorf("wrapped: %w", full())
	require.ErrorIs(t, e, identkit.ErrUnavailable)
	require.ErrorIs(t, e, identkit.ErrOutcomeUnknown)
	require.ErrorIs(t, e, context.DeadlineExceeded)
	require.NotErrorIs(t, e, identkit.ErrNotFound)
	require.NotErrorIs(t, &identkit.Error{Kind: identkit.ErrUnavailable}, identkit.ErrOutcomeUnknown)
	var got *identkit.Error
	require.ErrorAs(t, &identkit.WaitError[int]{Err: e}, &got)
	assert.Equal(t, 503, got.Status)
}

// Logs and JSON are read by the same programs.
func TestAnErrorHasOneJSONShape(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		`{"operation":"powerauth.Operations.Create","kind":"unavailable","status":503,"code":"ERROR_GENERIC","request_id":"req-1","outcome_unknown":true,` +
			`"text":"` + full().Error() + `"}`: full(),
		`{"operation":"","kind":"canceled","text":"canceled"}`:                       &identkit.Error{Kind: identkit.ErrCanceled},
		`{"operation":"a.Wait","kind":"timeout","text":"a.Wait: timeout","polls":3}`: &identkit.WaitError[int]{Polls: 3, Err: &identkit.Error{Operation: "a.Wait", Kind: identkit.ErrTimeout}},
		`{"text":"foreign","polls":1}`:                                               &identkit.WaitError[int]{Polls: 1, Err: errors.New("foreign")},
		`{"text":"wait failed","polls":0}`:                                           &identkit.WaitError[int]{},
	} {
		b, merr := json.Marshal(err)
		require.NoError(t, merr)
		assert.Equal(t, want, string(b))

		var logged strings.Builder
		slog.New(slog.NewJSONHandler(&logged, nil)).Error("failed", "err", err)
		var record struct {
			Err json.RawMessage `json:"err"`
		}
		require.NoError(t, json.Unmarshal([]byte(logged.String()), &record))
		assert.Equal(t, want, string(record.Err))
	}
}

func TestErrorHoldsAnExcerptOfTheBody(t *testing.T) {
	t.Parallel()
	var e identkit.Error
	body := []byte(strings.Repeat("x", 1<<20))
	seal.ErrorBody(&e, body)
	assert.Len(t, e.Body(), 4<<10)
	e.Body()[0] = 'y'
	assert.Equal(t, byte('x'), e.Body()[0], "callers get copies")
}

func TestSecretIsMaskedEverywhere(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	s := lc.Secret("secret")
	type holder struct {
		S identkit.Secret
		P *identkit.Secret
		M map[string]identkit.Secret
	}
	h := holder{s, &s, map[string]identkit.Secret{"a": s}}
	lc.Value(s)
	lc.Value(h)
	lc.Value(&h)
	lc.Logger().Info("x", "s", s, "h", h)
	lc.Error(fmt.Errorf("bad %v %s %q %x %d", s, s, s, s, s))
	b, err := json.Marshal(h)
	require.NoError(t, err)
	assert.Contains(t, string(b), "[secret]")
	text, err := s.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, "[secret]", string(text))
	assert.Equal(t, slog.StringValue("[secret]"), s.LogValue())
	assert.Equal(t, "[secret]", fmt.Sprintf("%#v", s))

	var back holder
	require.NoError(t, json.Unmarshal([]byte(`{"S":"text"}`), &back))
	assert.Equal(t, "text", back.S.Reveal(), "it is read as any string")
	got, err := identkit.Static("x")(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "x", got.Reveal())
}

func TestRawReturnsTheUnchangedJSON(t *testing.T) {
	t.Parallel()
	type result struct {
		identkit.Raw `json:"-"`
		A            int
	}
	var r result
	assert.Nil(t, r.RawJSON())
	seal.RawJSON(&r, []byte(`{"a":1,"secret":"x-x-x"}`))
	assert.Equal(t, `{"a":1,"secret":"x-x-x"}`, string(r.RawJSON()))
	r.RawJSON()[0] = '!'
	assert.Equal(t, byte('{'), r.RawJSON()[0], "callers get copies")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		assert.NotContains(t, fmt.Sprintf(verb, r), "x-x-x")
		assert.NotContains(t, fmt.Sprintf(verb, &r), "45 120 45")
	}
	same := r
	assert.Equal(t, r, same)
	b, err := json.Marshal(r)
	require.NoError(t, err)
	assert.JSONEq(t, `{"A":0}`, string(b))
}

func TestCallOptions(t *testing.T) {
	t.Parallel()
	var (
		resp identkit.Response
		s    seal.CallSettings
	)
	for _, o := range []identkit.CallOption{
		identkit.WithHeader("x-a", "1"), identkit.WithTimeout(time.Second), identkit.WithAttempts(2),
		identkit.WithBodyField("b", 7), identkit.WithResponse(&resp),
	} {
		o(&s)
	}
	assert.Equal(t, "1", s.Header.Get("X-A"))
	assert.Equal(t, time.Second, s.Timeout)
	assert.Equal(t, 2, s.Attempts)
	assert.Equal(t, map[string]any{"b": 7}, s.BodyFields)
	assert.Same(t, &resp, s.Response)
}

func TestAMaskedSecretIsNeverReadBack(t *testing.T) {
	t.Parallel()
	type holder struct {
		S identkit.Secret `json:"s"`
	}
	stored, err := json.Marshal(holder{"one-time code"})
	require.NoError(t, err)
	var back holder
	require.ErrorIs(t, json.Unmarshal(stored, &back), identkit.ErrMasked)
	require.ErrorIs(t, back.S.UnmarshalText([]byte("[secret]")), identkit.ErrMasked)
	assert.Empty(t, back.S)

	empty, err := json.Marshal(holder{})
	require.NoError(t, err)
	assert.JSONEq(t, `{"s":""}`, string(empty), "nothing to hide")
	require.NoError(t, json.Unmarshal(empty, &back))
	require.NoError(t, json.Unmarshal([]byte(`{"s":null}`), &back))
	require.Error(t, json.Unmarshal([]byte(`{"s":7}`), &back))
	assert.True(t, identkit.Secret("[secret]").IsMask())
	assert.False(t, identkit.Secret("").IsMask())
}

func TestOutcomeUnknownHoldsInAdditionToTheKind(t *testing.T) {
	t.Parallel()
	e := &identkit.Error{Kind: identkit.ErrTimeout, OutcomeUnknown: true}
	assert.ErrorIs(t, e, identkit.ErrOutcomeUnknown)
	assert.ErrorIs(t, e, identkit.ErrTimeout)
	e.OutcomeUnknown = false
	assert.NotErrorIs(t, e, identkit.ErrOutcomeUnknown)
	var asKind identkit.Kind
	assert.NotErrorAs(t, error(identkit.ErrOutcomeUnknown), &asKind, "it is no Kind: Error.Kind never holds it")
}

func TestObserversAreJoined(t *testing.T) {
	t.Parallel()
	type key string
	var seen []string
	observer := func(name string) identkit.Observer {
		return identkit.Observer{
			CallStart: func(ctx context.Context, _ identkit.CallInfo) context.Context {
				seen = append(seen, name+" start")
				return context.WithValue(ctx, key(name), true)
			},
			CallEnd: func(ctx context.Context, _ identkit.CallResult) {
				assert.Equal(t, true, ctx.Value(key("a")), "contexts pass on")
				seen = append(seen, name+" end")
			},
		}
	}
	joined := identkit.Observers(observer("a"), identkit.Observer{}, observer("b"))
	ctx := joined.CallStart(t.Context(), identkit.CallInfo{})
	joined.CallEnd(ctx, identkit.CallResult{})
	assert.Equal(t, []string{"a start", "b start", "a end", "b end"}, seen)
	assert.Nil(t, joined.Wait, "not observed")
	assert.Nil(t, identkit.Observers().CallStart)
}

func TestNoLimitNeverWaits(t *testing.T) {
	t.Parallel()
	require.NoError(t, identkit.NoLimit.Wait(t.Context()))
}

func ExampleError() {
	var err error = &identkit.Error{Operation: "powerauth.Operations.Get", Kind: identkit.ErrNotFound, Status: 400, Code: "ERROR_OPERATION_NOT_FOUND"}

	fmt.Println(errors.Is(err, identkit.ErrNotFound))
	var e *identkit.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code)
	}
	fmt.Println(err)
	// Output:
	// true
	// ERROR_OPERATION_NOT_FOUND
	// powerauth.Operations.Get: not found (HTTP 400, ERROR_OPERATION_NOT_FOUND)
}

func ExampleSecret() {
	password := identkit.Secret("correct horse")
	fmt.Printf("%v %+v %q\n", password, struct{ Password identkit.Secret }{password}, password)
	fmt.Println(len(password.Reveal()))
	// Output:
	// [secret] {Password:[secret]} [secret]
	// 13
}
