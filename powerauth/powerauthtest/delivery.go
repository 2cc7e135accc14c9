package powerauthtest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/webhook/webhooktest"
)

// The retries of the vendor's engine.
const (
	backoffGrowth   = 1.5
	maxBackoff      = 32 * time.Second
	breakerFailures = 200
	breakerPause    = time.Minute
)

// receiver is where a callback goes.
func (s *Server) receiver(cb Callback) *fakeserver.Receiver {
	r := &fakeserver.Receiver{
		URL: cb.URL, Handler: cb.Handler, Attempts: cb.MaxAttempts, BreakerFailures: breakerFailures, BreakerPause: breakerPause,
		Backoff: func(n int) time.Duration {
			wait := float64(cb.InitialBackoff) * math.Pow(backoffGrowth, float64(n-1))
			return time.Duration(min(wait, float64(maxBackoff)))
		},
	}
	if r.Handler == nil {
		r.Handler = s.opts.CallbackHandler
	}
	switch {
	case cb.BearerToken != "":
		r.Sign = webhooktest.SignBearer(cb.BearerToken)
	case cb.Username != "":
		r.Sign = webhooktest.SignBasic(cb.Username, cb.Password)
	}
	return r
}

// callbackHeader is what a callback carries beside its authentication.
func (s *Server) callbackHeader(id string) http.Header {
	header := http.Header{"Traceparent": {fmt.Sprintf("00-%x-%x-01", randomBytes(16), randomBytes(8))}}
	if !s.opts.Dialect.CallbacksWithoutKey {
		header.Set("Idempotency-Key", id)
	}
	return header
}

// callbackBody writes a callback, whose times have another form when it is written again from what was stored.
func (s *Server) callbackBody(members map[string]any, attempt int) []byte {
	iso := s.opts.Dialect.CallbackTimes == TimesISO || s.opts.Dialect.CallbackTimes == TimesMixed && attempt > 1
	out := make(map[string]any, len(members))
	for name, member := range members {
		if at, ok := member.(time.Time); ok {
			switch {
			case at.IsZero():
				member = nil
			case iso:
				member = at.UTC().Format("2006-01-02T15:04:05.000+00:00")
			default:
				member = at.UnixMilli()
			}
		}
		out[name] = member
	}
	return must(json.Marshal(out))
}

var durationForm = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`)

// parseDuration reads an ISO 8601 duration of days and less; an empty text is zero.
func parseDuration(text string) (time.Duration, bool) {
	if text == "" {
		return 0, true
	}
	m := durationForm.FindStringSubmatch(text)
	if m == nil || text == "P" || text[len(text)-1] == 'T' {
		return 0, false
	}
	var sum float64
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if n, err := strconv.ParseFloat(m[i+1], 64); err == nil {
			sum += n * float64(unit)
		}
	}
	return time.Duration(sum), true
}
