package identkittest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/identkit/identkit"
)

// LeakCheck looks for secrets and personal data where they must not be: in errors, logs, observer values, panics and
// anything else that is printed. A test seeds texts, uses them as passwords, names and so on, and hands over the
// results:
//
//	lc := identkittest.NewLeakCheck(t)
//	client, err := powerauth.New(powerauth.Config{
//		BaseURL:     "https://pac.internal.example/powerauth-cloud",
//		Credentials: powerauth.BasicAuth("integration", lc.Secret("password")),
//		Options:     identkit.Options{Logger: lc.Logger(), Observer: lc.Observer()},
//	})
//	_, err = client.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: powerauth.UserID(lc.Personal("user id"))})
//	lc.Error(err)
//
// A seed is found in plain text in any letter case, escaped for URLs, JSON or Go, as hex, as a list of bytes and inside
// base64 at any position (so also in "user:password"). Of the texts made here, a piece of 15 characters in plain is enough;
// fewer, such as the last four, are not found.
//
// Values handed over are checked at once; logs and observer values when the test ends, or by [LeakCheck.Check]. Findings fail
// the test. They name the seed and do not show it. It is safe for concurrent use.
type LeakCheck struct {
	t testing.TB

	mu      sync.Mutex
	names   map[string]bool
	needles []needle
	records []record // logs and observer values not checked yet
}

type record struct{ where, text string }

// minSeed is the length below which a text could be found by chance.
const minSeed = 6

// NewLeakCheck returns a check that reports to t.
func NewLeakCheck(t testing.TB) *LeakCheck {
	t.Helper()
	c := &LeakCheck{t: t, names: make(map[string]bool)}
	t.Cleanup(func() {
		t.Helper()
		c.Check()
		if len(c.names) == 0 {
			t.Error("identkittest: LeakCheck looked for nothing; seed it with Secret, Personal or Seed")
		}
	})
	return c
}

// Secret makes a secret and looks for it from now on. It has 40 lower-case letters and digits, the same in every run.
func (c *LeakCheck) Secret(name string) identkit.Secret {
	c.t.Helper()
	return identkit.Secret(c.canary(name))
}

// Personal makes a text that stands for personal data, such as a user id, and looks for it from now on. It is made
// like [LeakCheck.Secret].
func (c *LeakCheck) Personal(name string) string {
	c.t.Helper()
	return c.canary(name)
}

// Seed looks for a given text from now on, at least 6 bytes long. It is found only as a whole.
func (c *LeakCheck) Seed(name, text string) {
	c.t.Helper()
	if len(text) < minSeed {
		c.t.Errorf("identkittest: seed %q is shorter than %d bytes and would be found by accident", name, minSeed)
		return
	}
	c.plant(name, needlesOf(name, text))
}

// Logger returns a logger of every level whose records are checked.
func (c *LeakCheck) Logger() *slog.Logger {
	level := &slog.HandlerOptions{Level: slog.Level(-1 << 20)}
	return slog.New(slog.NewMultiHandler(
		slog.NewTextHandler(recorder{c, "log record (text)"}, level),
		slog.NewJSONHandler(recorder{c, "log record (JSON)"}, level),
	))
}

// Observer returns an observer whose values are checked.
func (c *LeakCheck) Observer() identkit.Observer {
	note := func(where string, v any) { c.note("observer value of "+where, fmt.Sprintf("%+v", v)) }
	return identkit.Observer{
		CallStart:    func(ctx context.Context, i identkit.CallInfo) context.Context { note("CallStart", i); return ctx },
		AttemptStart: func(ctx context.Context, i identkit.AttemptInfo) context.Context { note("AttemptStart", i); return ctx },
		AttemptEnd:   func(_ context.Context, i identkit.AttemptInfo) { note("AttemptEnd", i) },
		CallEnd:      func(_ context.Context, i identkit.CallResult) { note("CallEnd", i) },
		Wait:         func(_ context.Context, i identkit.WaitInfo) { note("Wait", i) },
		Delivery:     func(_ context.Context, i identkit.DeliveryInfo) { note("Delivery", i) },
		Decision:     func(_ context.Context, i identkit.DecisionInfo) { note("Decision", i) },
		Drift:        func(_ context.Context, i identkit.DriftInfo) { note("Drift", i) },
	}
}

// Error checks an error and everything it wraps, in all ways of printing an error. A nil error is ignored.
func (c *LeakCheck) Error(err error) {
	c.t.Helper()
	if err != nil {
		c.report(c.searchError("error", err, 0))
	}
}

// Value checks a value in all ways of printing it.
func (c *LeakCheck) Value(v any) {
	c.t.Helper()
	c.report(c.searchValue(fmt.Sprintf("value of type %T", v), v))
}

// Panic runs f, and checks and returns the value it panicked with; nil when it did not.
func (c *LeakCheck) Panic(f func()) (value any) {
	c.t.Helper()
	func() {
		defer func() { value = recover() }()
		f()
	}()
	if err, ok := value.(error); ok {
		c.report(c.searchError("panic", err, 0))
	} else if value != nil {
		c.report(c.searchValue("panic", value))
	}
	return value
}

// Check checks the logs and observer values that came until now.
func (c *LeakCheck) Check() {
	c.t.Helper()
	c.mu.Lock()
	records := c.records
	c.records = nil
	c.mu.Unlock()
	var findings []string
	for _, r := range records {
		findings = append(findings, c.search(r.where, r.text)...)
	}
	c.report(findings)
}

// canaryAlphabet has 32 letters and digits, so that a byte's low bits choose one.
const canaryAlphabet = "abcdefghijkmnopqrstuvwxyz2345678"

func (c *LeakCheck) canary(name string) string {
	c.t.Helper()
	var text []byte
	for i := 0; len(text) < 40; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", c.t.Name(), name, i))
		for _, b := range sum {
			text = append(text, canaryAlphabet[b&31])
		}
	}
	whole := string(text[:40])
	found := needlesOf(name, whole)
	for i := 0; i < len(whole); i += 8 {
		found = append(found, needlesOf(name, whole[i:i+8])...)
	}
	c.plant(name, found)
	return whole
}

func (c *LeakCheck) plant(name string, found []needle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names[name] = true
	c.needles = append(c.needles, found...)
}

func (c *LeakCheck) note(where, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records = append(c.records, record{where, text})
}

func (c *LeakCheck) report(findings []string) {
	c.t.Helper()
	for _, f := range findings {
		c.t.Error("identkittest: leak: " + f)
	}
}

// maxChain limits the depth of an error's causes.
const maxChain = 100

func (c *LeakCheck) searchError(where string, err error, depth int) []string {
	findings := c.searchValue(fmt.Sprintf("%s of type %T", where, err), err)
	var causes []error
	switch e := err.(type) { //nolint:errorlint // each cause is looked at on its own
	case interface{ Unwrap() error }:
		causes = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		causes = e.Unwrap()
	}
	for _, cause := range causes {
		if cause != nil && depth < maxChain {
			findings = append(findings, c.searchError("cause of "+where, cause, depth+1)...)
		}
	}
	return findings
}

func (c *LeakCheck) searchValue(where string, v any) []string {
	var findings []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		findings = append(findings, c.search(where+", printed with "+verb, fmt.Sprintf(verb, v))...)
	}
	b, err := json.Marshal(v)
	findings = append(findings, c.search(where+", marshalled as JSON", string(b))...)
	if err != nil {
		findings = append(findings, c.search(where+", failing to be marshalled as JSON", err.Error())...)
	}
	var logged collected
	slog.New(slog.NewMultiHandler(slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil))).Info("", "v", v)
	return append(findings, c.search(where+", logged", string(logged))...)
}

// search returns one finding for each seed that is in the text.
func (c *LeakCheck) search(where, text string) []string {
	c.mu.Lock()
	needles := c.needles[:len(c.needles):len(c.needles)]
	c.mu.Unlock()
	h := newHaystack(text)
	var findings []string
	found := make(map[string]bool)
	for _, n := range needles {
		if found[n.seed] {
			continue
		}
		if i := h.find(n); i >= 0 {
			found[n.seed] = true
			findings = append(findings, fmt.Sprintf("%s: holds seed %q (%s): %q", where, n.seed, n.form, h.before(i)+"[here]"))
		}
	}
	return findings
}
