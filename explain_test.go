package identkit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/seal"
)

const personal = "May hold personal data: the provider's own texts follow.\n"

// detailed is an error with all that Explain shows.
func detailed() *identkit.Error {
	e := full()
	e.Attempts = []identkit.Attempt{
		{Duration: 120 * time.Millisecond, Queued: 20 * time.Millisecond, Phase: identkit.PhaseDial, Kind: identkit.ErrNetwork},
		{Duration: time.Second, Wait: 200 * time.Millisecond, Reason: identkit.ReasonBackoff, Status: 503, Kind: identkit.ErrUnavailable},
		{Duration: time.Second, Status: 200},
	}
	return e
}

const explained = `powerauth.Operations.Create: unavailable (HTTP 503, ERROR_GENERIC, request id req-1, retry after 1s, 3 attempts, outcome unknown): a hint; userId
operation: powerauth.Operations.Create
kind: unavailable
outcome: unknown, the request may have taken effect
code: ERROR_GENERIC
message: the provider's text
field: userId: the provider's reason
attempt 1: network failure in phase dial, took 120ms, of it queued 20ms
attempt 2: waited 200ms backoff, HTTP 503, unavailable, took 1s
attempt 3: HTTP 200, succeeded, took 1s
body: the body`

func TestExplainTellsAPersonWhatHappened(t *testing.T) {
	t.Parallel()
	e := detailed()
	assert.Equal(t, personal+explained, identkit.Explain(e))

	wrapped := fmt.Errorf("pay invoice 7: %w", e)
	assert.Equal(t, personal+wrapped.Error()+"\n\n"+explained, identkit.Explain(wrapped))

	waited := &identkit.WaitError[string]{Polls: 7, Err: &identkit.Error{Operation: "powerauth.Operations.Wait", Kind: identkit.ErrTimeout, Err: errors.Join(context.DeadlineExceeded, e)}}
	assert.Equal(t, personal+"powerauth.Operations.Wait: timeout\noperation: powerauth.Operations.Wait\nkind: timeout\npolls: 7\n\n"+explained, identkit.Explain(waited))

	other := &identkit.Error{Kind: identkit.ErrCanceled}
	joined := identkit.Explain(errors.Join(errors.New("foreign"), wrapped, other, e))
	assert.Equal(t, 1, strings.Count(joined, "body: the body"), "each error once")
	assert.Contains(t, joined, "\nkind: canceled")
	assert.True(t, strings.HasPrefix(joined, personal+"foreign pay invoice 7: "), joined)
}

func TestExplainOfOtherErrorsIsTheirText(t *testing.T) {
	t.Parallel()
	var (
		noError *identkit.Error
		noWait  *identkit.WaitError[int]
	)
	assert.Empty(t, identkit.Explain(nil))
	assert.Equal(t, "foreign", identkit.Explain(errors.New("foreign")))
	assert.Equal(t, "outer: foreign", identkit.Explain(fmt.Errorf("outer: %w", errors.New("foreign"))))
	assert.Equal(t, "identkit: not found", identkit.Explain(identkit.ErrNotFound))
	assert.Equal(t, "an error of type *identkit.Error, which has no text", identkit.Explain(noError))
	assert.Equal(t, "an error of type *identkit.WaitError[int], which has no text", identkit.Explain(noWait))
	assert.Equal(t, "wait failed", identkit.Explain(&identkit.WaitError[int]{}))
	assert.Equal(t, "an error of type identkit_test.panicking, which has no text", identkit.Explain(panicking{}))
	assert.Equal(t, "circle", identkit.Explain(circle{}))
	assert.Contains(t, identkit.Explain(errors.Join(circle{}, panicking{}, full())), "message: the provider's text")
}

type panicking struct{}

func (panicking) Error() string { panic("no text") }
func (panicking) Unwrap() error { panic("no cause") }

type circle struct{}

func (circle) Error() string { return "circle" }
func (circle) Unwrap() error { return circle{} }

func TestExplainShowsTheProvidersTextsOnOneShortLine(t *testing.T) {
	t.Parallel()
	e := &identkit.Error{Kind: identkit.ErrRejected, Message: "a\r\nkind: forged\x1b[31m\u202e\u2028\x00\xff" + strings.Repeat("x", 600), Code: "c\nd"}
	for range 40 {
		e.Fields = append(e.Fields, identkit.FieldError{Field: "f\n", Reason: "r\n" + strings.Repeat("ř", 600), Value: "refused-value"})
		e.Attempts = append(e.Attempts, identkit.Attempt{})
	}
	seal.ErrorBody(e, []byte("{\r\n\t\"a\":\""+strings.Repeat("ž", 4000)))
	text := identkit.Explain(e)
	assert.True(t, utf8.ValidString(text))
	assert.NotContains(t, text, "refused-value")
	assert.Contains(t, text, "and 24 more")
	assert.Contains(t, text, "body: {   \"a\":\"žžž")
	lines := strings.Split(text, "\n")
	assert.Less(t, len(lines), 50)
	for _, line := range lines {
		assert.Less(t, len(line), 600)
		assert.NotEqual(t, "kind: forged", strings.TrimSpace(line)[:min(len(strings.TrimSpace(line)), 12)])
		assert.False(t, strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) || r == '\u202e' || r == '\u2028' }))
	}
	body := lines[len(lines)-1]
	assert.LessOrEqual(t, len(body), len("body: ")+512+len(" …"))
	assert.NotContains(t, body, "\ufffd", "not cut inside a character")
}

func FuzzExplain(f *testing.F) {
	f.Add("a\nb", []byte("\xff\u202e"))
	f.Fuzz(func(t *testing.T, message string, body []byte) {
		e := &identkit.Error{Kind: identkit.ErrRejected, Message: message}
		seal.ErrorBody(e, body)
		text := identkit.Explain(e)
		if !utf8.ValidString(text) || strings.Count(text, "\n") > 6 || len(text) > 2000 {
			t.Fatalf("%q", text)
		}
	})
}

func ExampleExplain() {
	err := &identkit.Error{
		Operation: "powerauth.Registrations.Create", Kind: identkit.ErrRejected, Status: 400, Code: "ERROR_REQUEST", Message: "Request validation failed.",
		Fields: []identkit.FieldError{{Field: "userId", Reason: "must not be blank"}},
	}
	fmt.Println(identkit.Explain(err))
	// Output:
	// May hold personal data: the provider's own texts follow.
	// powerauth.Registrations.Create: rejected (HTTP 400, ERROR_REQUEST): userId
	// operation: powerauth.Registrations.Create
	// kind: rejected
	// code: ERROR_REQUEST
	// message: Request validation failed.
	// field: userId: must not be blank
}
