package service

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/identkit/identkit"
)

const maxBody = 64 << 10

// endpoint handles a request and returns what the client gets for it.
type endpoint func(w http.ResponseWriter, r *http.Request) (response, error)

// response is a JSON body with its status. The zero value is 204 without a body.
type response struct {
	status int
	body   any
}

func (r response) write(w http.ResponseWriter) {
	if r.status == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(r.body) // the client is gone: nothing to be done
}

type router struct {
	*http.ServeMux
	logger *slog.Logger
}

func (rt router) on(pattern string, e endpoint) { rt.Handle(pattern, e.handler(rt.logger)) }

// handler turns the endpoint's error into a response.
func (e endpoint) handler(logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := e(w, r)
		if err != nil {
			p := problemOf(err)
			if p.status >= http.StatusInternalServerError {
				logger.ErrorContext(r.Context(), "request failed", "err", err)
			}
			if p.retryAfter > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
			}
			out = response{p.status, p}
		}
		out.write(w)
	})
}

// withBody is an endpoint with a JSON body. An empty body is the zero value.
func withBody[In any](f func(r *http.Request, in In) (response, error)) endpoint {
	return func(w http.ResponseWriter, r *http.Request) (response, error) {
		var in In
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err == nil && len(body) > 0 {
			err = json.Unmarshal(body, &in)
		}
		if err != nil {
			return response{}, refuse(http.StatusBadRequest, "the body is not the JSON that is expected here")
		}
		return f(r, in)
	}
}

// longestWait is shorter than the server's WriteTimeout.
const longestWait = time.Minute

// waitPolicy is for a query such as ?wait=30s.
func waitPolicy(r *http.Request) (identkit.WaitPolicy, error) {
	wait, err := time.ParseDuration(r.URL.Query().Get("wait"))
	if err != nil || wait <= 0 || wait > longestWait {
		return identkit.WaitPolicy{}, refuse(http.StatusBadRequest, "wait must be a duration of up to "+longestWait.String())
	}
	return identkit.WaitPolicy{Until: time.Now().Add(wait)}, nil
}

// problem is what clients of this service see of a failure: no text of the provider's.
type problem struct {
	status     int
	retryAfter time.Duration

	Text   string   `json:"error"`
	Fields []string `json:"fields,omitempty"`
	// OutcomeUnknown asks the client to look before it tries again.
	OutcomeUnknown bool `json:"outcomeUnknown,omitempty"`
}

func (p problem) Error() string { return p.Text }

func refuse(status int, text string, fields ...string) error {
	return problem{status: status, Text: text, Fields: fields}
}

// statuses are those of the kinds of errors. Others are 502: refused credentials, network, invalid responses.
var statuses = map[identkit.Kind]int{
	identkit.ErrInvalidRequest: http.StatusBadRequest,
	identkit.ErrNotFound:       http.StatusNotFound,
	identkit.ErrConflict:       http.StatusConflict,
	identkit.ErrRejected:       http.StatusUnprocessableEntity,
	identkit.ErrRateLimited:    http.StatusServiceUnavailable,
	identkit.ErrUnavailable:    http.StatusServiceUnavailable,
	identkit.ErrCredential:     http.StatusServiceUnavailable,
	identkit.ErrRetryBudget:    http.StatusServiceUnavailable,
	identkit.ErrTimeout:        http.StatusGatewayTimeout,
}

// problemOf turns an error into what clients see of it.
func problemOf(err error) (p problem) {
	var e *identkit.Error
	switch {
	case errors.As(err, &p):
		return p
	case !errors.As(err, &e):
		return problem{status: http.StatusInternalServerError, Text: "internal error"}
	}
	p = problem{
		status: cmp.Or(statuses[e.Kind], http.StatusBadGateway), Text: string(e.Kind), OutcomeUnknown: e.OutcomeUnknown, retryAfter: e.RetryAfter,
	}
	if e.Kind == identkit.ErrInvalidRequest {
		for _, f := range e.Fields {
			p.Fields = append(p.Fields, f.Field+" "+f.Reason)
		}
	}
	return p
}

// logged writes a line a request: the route, never the path, whose ids and queries may be personal.
func logged(next http.Handler, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, r)
		logger.Info("request", "route", r.Pattern, "status", sw.status, "duration", time.Since(start))
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
