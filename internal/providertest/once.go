package providertest

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/providertest/frames"
)

var protocols = []frames.Protocol{frames.HTTP2, frames.H2C, frames.HTTP1}

// once proves that a call which must not be repeated arrives once an attempt, whatever a server does to its frames, also through
// RoundTrippers of the caller's.
func (r *trial[C, F]) once(p frames.Protocol) {
	r.rule(onceRule(p), func(t testing.TB) {
		r.fake = r.Fake(Texts{})
		r.t.Cleanup(r.fake.Close)
		r.Prepared = r.call.Prepare(t, r.fake, Texts{})
		if p != frames.HTTP2 {
			require.NoError(t, r.fake.Start()) // its clients then use http://
		}
		server := frames.New(r.t, p, nil)
		pool := server.Transport(r.t)
		way := &route{op: r.op, fake: r.fake.Transport(), frames: pool}
		use := func(rt http.RoundTripper) {
			r.client = r.Client(r.fake, func(o *identkit.Options) {
				o.HTTPClient, o.Limiter = &http.Client{Transport: rt}, identkit.NoLimit
				o.Retry = identkit.RetryPolicy{InitialBackoff: time.Nanosecond, Budget: -1}
			})
		}
		use(way)
		r.fake.Journal().Clear()
		r.succeed(t)
		last, _ := r.fake.Journal().Last(r.call.Operation)
		var base http.RoundTripper = pool
		if way.opened.Store(true); r.fake.Journal().Len() > 1 {
			base = way // the call needs others, for a token
		}
		call := func() error {
			got, err := r.Do(r.t.Context(), r.client)
			if err == nil {
				assert.Equal(t, r.want, r.result(got))
			} else {
				assert.Nil(t, plain(got), "a result beside an error")
			}
			return err
		}
		body := len(last.Body) > 0
		prove := func(rt http.RoundTripper, faults []frames.Fault) {
			use(rt)
			pool.CloseIdleConnections() // some were closed by the server, and net/http need not know yet
			for _, f := range faults {
				if f.Early || p == frames.HTTP1 {
					pool.CloseIdleConnections()
				}
				if !f.Early && p == frames.HTTP1 { // net/http may repeat a request over a connection that was used before
					server.Play(frames.Responds(http.StatusOK, r.good))
					require.NoError(t, call())
				}
				if server.ArrivesOnce(t, f, body, r.good, call); t.Failed() {
					return // net/http waits for seconds before it repeats some requests again
				}
			}
			server.IdleEnds(t, r.good, call)
		}
		if prove(base, frames.Faults(p)); p == frames.H2C {
			return // RoundTrippers of the caller's see no difference
		}
		prove(tripper(func(q *http.Request) (*http.Response, error) { return base.RoundTrip(q.Clone(q.Context())) }), frames.Few(p))
		if body { // without one net/http repeats it, and nothing shows it
			prove(tripper(func(q *http.Request) (*http.Response, error) {
				return base.RoundTrip(q.WithContext(context.Background()))
			}), frames.Few(p))
		}
	})
}

func onceRule(p frames.Protocol) string { return "arrives once over " + string(p) }

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// route sends the requests of one operation to a server of frames, and others, such as those for tokens, to the fake.
type route struct {
	op           identkit.OperationInfo
	fake, frames http.RoundTripper
	opened       atomic.Bool
}

func (w *route) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.opened.Load() && r.Method == w.op.Method && hasPath(r.URL.Path, w.op.Path) {
		return w.frames.RoundTrip(r)
	}
	resp, err := w.fake.RoundTrip(r)
	if err == nil {
		resp.ProtoMajor, resp.ProtoMinor = 2, 0 // one deployment speaks one protocol
	}
	return resp, err
}

// hasPath reports whether a path ends as a template does.
func hasPath(path, template string) bool {
	parts, names := strings.Split(path, "/"), strings.Split(template, "/")
	if len(parts) < len(names) {
		return false
	}
	parts = parts[len(parts)-len(names):]
	for i, name := range names[1:] {
		if parts[i+1] != name && !strings.HasPrefix(name, "{") {
			return false
		}
	}
	return true
}
