package providertest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
)

// seeds look for secrets in all that is printed, and for personal texts too where the caller did not print them: in errors, logs
// and observers.
type seeds struct{ secrets, all *identkittest.LeakCheck }

func newSeeds(t testing.TB) *seeds {
	return &seeds{secrets: identkittest.NewLeakCheck(t), all: identkittest.NewLeakCheck(t)}
}

// Secret makes a secret that is looked for everywhere.
func (s *seeds) Secret(name string) identkit.Secret {
	s.all.Secret(name)
	return s.secrets.Secret(name) // the same
}

// Personal makes a personal text.
func (s *seeds) Personal(name string) string { return s.all.Personal(name) }

// Seed looks for a personal text.
func (s *seeds) Seed(name, text string) {
	if len(text) >= minSeed {
		s.all.Seed(name, text)
	}
}

// found looks for secrets that a value holds, some of which other parts of it repeat.
func (s *seeds) found(v any, repeated ...string) {
	for path, secret := range secretsOf(v) {
		s.Seed(path, secret.Reveal())
		if len(secret) >= minSeed && !slices.Contains(repeated, path) {
			s.secrets.Seed(path, secret.Reveal())
		}
	}
}

const minSeed = 6 // what a leak check looks for at least

// shows proves that nothing secret or personal shows.
func (r *trial[C, F]) shows() {
	r.rule("leaks", func(t testing.TB) {
		s := newSeeds(t)
		r.prepare(t, s, func(o *identkit.Options) { o.Logger, o.Observer = s.all.Logger(), s.all.Observer() })
		if r.Input != nil {
			s.found(r.Input, r.call.Repeated...)
			s.secrets.Value(r.Input)
		}
		got := r.succeed(t)
		s.found(got)
		s.secrets.Value(got)
		for _, entry := range r.fake.Journal().All() {
			_, credential, _ := strings.Cut(entry.Header.Get("Authorization"), " ")
			s.Seed("Authorization", credential)
		}
		s.secrets.Value(r.client)
		for _, config := range r.Configs(r.fake) {
			s.secrets.Value(config)
		}
		r.errors(s)
		s.secrets.Check()
		s.all.Check()
	})
}

// errors makes the call fail in all ways that could repeat something.
func (r *trial[C, F]) errors(s *seeds) {
	echo := s.Personal("echo")
	on := identkittest.On(r.call.Operation)
	for _, failure := range r.Failures {
		status, body := failure(echo)
		r.shown(s, on.Body(status, contentJSON, []byte(body)))
	}
	quoted := strconv.Quote(echo)
	for _, body := range []string{
		quoted, echo, `{"` + echo + `":1}`, `{"` + echo + `":1,"` + echo + `":2}`, `{` + echo, "<html>" + echo, `[` + quoted + `]`,
		r.good + echo, r.echoing(quoted), r.echoing(`{` + quoted + `:` + quoted + `}`), r.echoing(`"` + echo + `\ud800"`),
	} {
		r.shown(s, on.Body(http.StatusOK, contentJSON, []byte(body)))
		r.shown(s, on.Body(http.StatusBadRequest, contentJSON, []byte(body)))
	}
	for _, path := range append(append([]string{}, r.call.Required...), append(r.call.Verdicts, r.call.Repeats...)...) {
		for _, value := range []string{quoted, `{` + quoted + `:1}`} {
			if body := edit(r.good, path, with(value)); body != "" {
				r.shown(s, on.Body(http.StatusOK, contentJSON, []byte(body)))
			}
		}
	}
	r.shown(s, on.Redirect("https://"+echo+".example/"+echo+"?"+echo))
	r.shown(s, on.RetryAfter(429, echo))
	r.shown(s, on.Refuse())
	r.shown(s, on.Reset())
	r.shown(s, on.SlowHeader(attemptTimeout+time.Second))
	r.shown(s, on.Body(200, contentJSON, []byte(quoted)).TruncateHalf())
	r.fake.ClearFaults()
	if r.Input == nil {
		return
	}
	for _, path := range textsOf(r.Input) {
		for _, text := range []string{echo + "\xff", echo + "\x00\n", strings.Repeat(echo, 1000), "../" + echo} {
			changed(r.Input, func() { setText(r.Input, path, text) }, func() { r.shown(s) })
		}
	}
}

// shown makes the call and looks at error and response.
func (r *trial[C, F]) shown(s *seeds, rules ...identkittest.Rule) {
	r.fake.ClearFaults()
	r.fake.Fault(rules...)
	var resp identkit.Response
	_, err := r.Do(r.t.Context(), r.client, identkit.WithResponse(&resp))
	s.all.Error(err)
	s.all.Value(fmt.Sprintf("%v %+v %#v", resp, resp, resp))
	s.all.Value(resp.LogValue().String())
}

// echoing is the good body with a value in place of each text.
func (r *trial[C, F]) echoing(value string) string {
	root := parse(r.good)
	root.each(func(n *node) {
		if n.kind == '"' {
			n.raw = value
		}
	})
	return root.String()
}
