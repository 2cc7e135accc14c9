package providertest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
)

// mask is what a secret prints as.
var mask = identkit.Secret("x").String()

// input proves that what cannot be sent is refused, and sends nothing.
func (r *trial[C, F]) input() {
	r.rule("succeeds", func(t testing.TB) { r.prepare(t, Texts{}, nil) })
	if r.Do == nil {
		return
	}
	if r.Input != nil {
		r.rule("invalid input", r.invalid)
		r.rule("masked input", r.masked)
	}
	r.rule("nil context", func(t testing.TB) {
		var none context.Context
		got, err := r.Do(none, r.client)
		r.refused(t, got, err, "ctx")
	})
	r.rule("ended context", func(t testing.TB) {
		got, err := r.Do(canceled(r.t.Context()), r.client)
		assert.Nil(t, plain(got))
		require.ErrorIs(t, err, identkit.ErrCanceled)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
		assert.Zero(t, r.fake.Journal().Len(), "requests")
	})
	r.rule("client that no constructor made", func(t testing.TB) {
		got, err := r.Do(r.t.Context(), r.Unmade)
		r.refused(t, got, err, "")
	})
	for name := range r.Secrets {
		r.rule("unusable "+name, func(t testing.TB) {
			r.unusableSecret(t, name, mask, mask)
			const text = "0123456789abcdef0123456789abcdef"
			r.unusableSecret(t, name, text+"\r\n", text) // as a file has it
		})
	}
}

// invalid proves that each invalid input is refused by name.
func (r *trial[C, F]) invalid(t testing.TB) {
	assert.NotEmpty(t, r.Invalid, "the table has no invalid input")
	for _, c := range r.Invalid {
		changed(r.Input, c.Change, func() {
			got, err := r.Do(r.t.Context(), r.client)
			r.refused(t, got, err, c.Field)
		})
	}
}

// masked proves that no secret of the input is sent as its mask.
func (r *trial[C, F]) masked(t testing.TB) {
	for path := range secretsOf(r.Input) {
		changed(r.Input, func() { setText(r.Input, path, mask) }, func() {
			got, err := r.Do(r.t.Context(), r.client)
			r.refused(t, got, err, "")
			assert.NotContains(t, errorText(err), mask)
		})
	}
}

// refused holds the error of a call that sends nothing against what it must be.
func (r *trial[C, F]) refused(t testing.TB, got any, err error, field string) {
	t.Helper()
	var e *identkit.Error
	if !errors.As(err, &e) || e.Kind != identkit.ErrInvalidRequest {
		t.Errorf("%s: not an invalid request but %v", field, err)
	} else {
		assert.Equal(t, r.call.Operation, e.Operation)
		assert.Empty(t, e.Attempts)
		assert.Zero(t, e.Status)
		assert.False(t, e.OutcomeUnknown)
		if field != "" {
			fields := make([]string, len(e.Fields))
			for i, f := range e.Fields {
				fields[i] = f.Field
				assert.NotEmpty(t, f.Reason)
			}
			assert.Contains(t, fields, field)
		}
	}
	assert.Nil(t, plain(got))
	assert.Zero(t, r.fake.Journal().Len(), "%s: requests", field)
	r.fake.Journal().Clear()
}

// unusableSecret proves that nothing of a secret of the configuration is sent when it cannot be one.
func (r *trial[C, F]) unusableSecret(t testing.TB, name, secret, seed string) {
	client, err := r.Secrets[name](r.fake, identkit.Secret(secret))
	if err != nil {
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
		return
	}
	r.fake.Journal().Clear()
	_, err = r.Do(r.t.Context(), client)
	leaks := identkittest.NewLeakCheck(t)
	leaks.Seed("secret", seed)
	for _, entry := range r.fake.Journal().All() {
		leaks.Value(entry.Method + " " + entry.Path)
		for _, value := range entry.PathValues {
			leaks.Value(value)
		}
		for _, values := range entry.Query {
			leaks.Value(values)
		}
		for _, values := range entry.Header {
			leaks.Value(values)
		}
		leaks.Value(string(entry.Body))
	}
	if err != nil {
		require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown)
	}
	r.fake.Journal().Clear()
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
