package identkittest_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
)

// watchedTB is a test that notes its failures instead of failing.
type watchedTB struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (w *watchedTB) Helper()          {}
func (w *watchedTB) Name() string     { return "TestWatched" }
func (w *watchedTB) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }
func (w *watchedTB) Error(args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, fmt.Sprint(args...))
}

func (w *watchedTB) Errorf(format string, args ...any) { w.Error(fmt.Sprintf(format, args...)) }

// end runs the cleanups and returns all failures.
func (w *watchedTB) end() []string {
	for i := len(w.cleanups) - 1; i >= 0; i-- {
		w.cleanups[i]()
	}
	w.cleanups = nil
	return w.failures
}

func TestLeakCheckFindsASecretInEveryForm(t *testing.T) {
	t.Parallel()
	const seeded = `p&ss "wörd"/+`
	for name, form := range map[string]func(string) string{
		"plain":               func(s string) string { return s },
		"upper case":          strings.ToUpper,
		"query":               url.QueryEscape,
		"path":                url.PathEscape,
		"quoted":              func(s string) string { return fmt.Sprintf("%q", s) },
		"quoted in ASCII":     func(s string) string { return fmt.Sprintf("%+q", s) },
		"hex":                 func(s string) string { return hex.EncodeToString([]byte(s)) },
		"upper-case hex":      func(s string) string { return fmt.Sprintf("%X", s) },
		"bytes":               func(s string) string { return fmt.Sprintf("%v", []byte("x"+s+"y")) },
		"Go bytes":            func(s string) string { return fmt.Sprintf("%#v", []byte("x"+s+"y")) },
		"base64":              func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64 for URLs":     func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
		"basic credentials":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + s)) },
		"base64, other start": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("users:" + s + "...")) },
		"base64, third start": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("a user:" + s + "..")) },
		"JSON": func(s string) string {
			b, err := json.Marshal(map[string]string{"p": s})
			require.NoError(t, err)
			return string(b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tb := &watchedTB{}
			lc := identkittest.NewLeakCheck(tb)
			lc.Seed("given", seeded)
			made := lc.Secret("made").Reveal()
			lc.Value(form("harmless text of some length"))
			require.Empty(t, tb.failures)

			lc.Value("<" + form(seeded) + ">")
			require.NotEmpty(t, tb.failures)
			for _, f := range tb.failures {
				assert.Contains(t, f, `holds seed "given"`)
				assert.NotContains(t, f, seeded)
			}
			tb.failures = nil
			lc.Value("<" + form(made) + ">")
			require.NotEmpty(t, tb.failures)
			for _, f := range tb.failures {
				assert.Contains(t, f, `holds seed "made"`)
				assert.NotContains(t, f, made[8:])
			}
		})
	}
}

func TestLeakCheckFindsPiecesOfWhatItMade(t *testing.T) {
	t.Parallel()
	tb := &watchedTB{}
	lc := identkittest.NewLeakCheck(tb)
	made := lc.Personal("user id")
	assert.Regexp(t, `^[a-z0-9]{40}$`, made)
	assert.Equal(t, made, lc.Personal("user id"), "the same name gives the same text")
	assert.NotEqual(t, made, lc.Personal("name"))
	for i := range len(made) - 15 {
		tb.failures = nil
		lc.Value(made[i : i+15])
		assert.NotEmpty(t, tb.failures, "piece at %d", i)
	}
}

// leaky is an error that shows its secret in one way only.
type leaky struct {
	text, goText string
	JSON         string
	cause        error
}

func (e leaky) Error() string    { return "leaky" + e.text }
func (e leaky) GoString() string { return "leaky" + e.goText }
func (e leaky) Unwrap() error    { return e.cause }

func TestLeakCheckLooksAtErrorsFromAllSides(t *testing.T) {
	t.Parallel()
	type both = func(secret string) error
	for name, test := range map[string]struct {
		err  both
		want string
	}{
		"text":           {func(s string) error { return leaky{text: s} }, "printed with %v"},
		"Go syntax":      {func(s string) error { return leaky{goText: s} }, "printed with %#v"},
		"JSON":           {func(s string) error { return leaky{JSON: s} }, "marshalled as JSON"},
		"cause":          {func(s string) error { return leaky{cause: errors.New(s)} }, "cause of error of type *errors.errorString"},
		"one of several": {func(s string) error { return leaky{cause: errors.Join(errors.New("x"), leaky{goText: s})} }, "cause of cause of error"},
		"field of ours":  {func(s string) error { return &identkit.Error{Detail: s} }, "printed with %v"},
		"cause of ours": {func(s string) error {
			return &identkit.Error{Err: &url.Error{Op: "Get", URL: "https://x?k=" + s, Err: errors.New("x")}}
		}, "cause of error"},
		"logged as parts": {func(s string) error { return logged{s} }, "logged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tb := &watchedTB{}
			lc := identkittest.NewLeakCheck(tb)
			lc.Error(nil)
			lc.Error(test.err("harmless"))
			lc.Error(test.err(lc.Secret("password").String()))
			require.Empty(t, tb.failures)
			lc.Error(test.err(lc.Secret("password").Reveal()))
			assert.Contains(t, strings.Join(tb.failures, "\n"), test.want)
		})
	}
}

// logged is an error that shows its secret to slog.
type logged struct{ secret string }

func (logged) Error() string                { return "logged" }
func (logged) GoString() string             { return "logged" }
func (l logged) LogValue() slog.Value       { return slog.StringValue(l.secret) }
func (logged) MarshalJSON() ([]byte, error) { return []byte(`"logged"`), nil }

func TestLeakCheckReadsLogsAtTheEnd(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(l *slog.Logger, secret string){
		"message":   func(l *slog.Logger, s string) { l.Debug(s) },
		"any level": func(l *slog.Logger, s string) { l.Log(context.Background(), -100, s) },
		"attribute": func(l *slog.Logger, s string) { l.Info("x", "p", s) },
		"group":     func(l *slog.Logger, s string) { l.WithGroup("g").With("p", s).Error("x") },
		"struct":    func(l *slog.Logger, s string) { l.Info("x", "v", struct{ P string }{s}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tb := &watchedTB{}
			lc := identkittest.NewLeakCheck(tb)
			l := lc.Logger()
			write(l, "harmless")
			write(l, lc.Secret("password").Reveal())
			assert.Empty(t, tb.failures)
			assert.NotEmpty(t, tb.end())
		})
	}
}

func TestLeakCheckFindsSecretsSeededAfterTheyWereLogged(t *testing.T) {
	t.Parallel()
	tb := &watchedTB{}
	lc := identkittest.NewLeakCheck(tb)
	lc.Logger().Info("the invented password is s3cr3t-value")
	lc.Seed("password", "s3cr3t-value")
	assert.Len(t, tb.end(), 2, "once as text, once as JSON")
}

func TestLeakCheckReadsObserverValuesAtTheEnd(t *testing.T) {
	t.Parallel()
	tb := &watchedTB{}
	lc := identkittest.NewLeakCheck(tb)
	o, secret := lc.Observer(), lc.Secret("password").Reveal()
	ctx := o.CallStart(t.Context(), identkit.CallInfo{Operation: "harmless"})
	assert.Equal(t, t.Context(), ctx)
	o.CallStart(ctx, identkit.CallInfo{Path: "/x/" + secret})
	o.AttemptEnd(ctx, identkit.AttemptInfo{RequestID: secret})
	o.CallEnd(ctx, identkit.CallResult{CallInfo: identkit.CallInfo{Path: secret}})
	failures := strings.Join(tb.end(), "\n")
	for _, method := range []string{"CallStart", "AttemptEnd", "CallEnd"} {
		assert.Contains(t, failures, "observer value of "+method)
	}
	assert.Len(t, tb.failures, 3)
}

func TestLeakCheckLooksAtPanics(t *testing.T) {
	t.Parallel()
	tb := &watchedTB{}
	lc := identkittest.NewLeakCheck(tb)
	secret := lc.Secret("password").Reveal()
	assert.Nil(t, lc.Panic(func() {}))
	assert.Equal(t, "oh", lc.Panic(func() { panic("oh") }))
	assert.Empty(t, tb.failures)
	lc.Panic(func() { panic("oh " + secret) })
	assert.NotEmpty(t, tb.failures)
	tb.failures = nil
	lc.Panic(func() { panic(leaky{cause: errors.New(secret)}) })
	assert.NotEmpty(t, tb.failures)
}

func TestLeakCheckThatCannotFindAnythingSaysSo(t *testing.T) {
	t.Parallel()
	tb := &watchedTB{}
	identkittest.NewLeakCheck(tb)
	assert.Contains(t, strings.Join(tb.end(), "\n"), "looked for nothing")

	tb = &watchedTB{}
	lc := identkittest.NewLeakCheck(tb)
	lc.Seed("country", "DE")
	assert.Contains(t, strings.Join(tb.end(), "\n"), "shorter than 6 bytes")
}

func TestLeakCheckIsQuietWhenSecretsAreMasked(t *testing.T) {
	t.Parallel()
	lc := identkittest.NewLeakCheck(t)
	secret := lc.Secret("password")
	lc.Value(struct{ Password identkit.Secret }{secret})
	lc.Error(fmt.Errorf("login: %w", &identkit.Error{Kind: identkit.ErrUnauthorized, Code: "HTTP_401"}))
	lc.Logger().Info("login", "password", secret)
}
