package main

import (
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

func newHandler(fs features, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"status": "UP"})
	})
	for _, f := range fs {
		f.routes(mux)
	}
	return logged(mux, logger)
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

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nothing to be done
}

// read decodes a JSON body, or answers 400. An empty body leaves v as it is.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		reply(w, http.StatusBadRequest, problem{Error: "the body is not the JSON that is expected here"})
		return false
	}
	return true
}

// problem is what clients of this service see of a failure: nothing of the provider's words.
type problem struct {
	Error  string   `json:"error"`
	Fields []string `json:"fields,omitempty"`
	// OutcomeUnknown tells the client to look before it tries again.
	OutcomeUnknown bool `json:"outcomeUnknown,omitempty"`
}

// fail turns an error of the SDK into an answer.
func fail(w http.ResponseWriter, r *http.Request, logger *slog.Logger, err error) {
	var e *identkit.Error
	if !errors.As(err, &e) {
		logger.ErrorContext(r.Context(), "request failed", "err", err)
		reply(w, http.StatusInternalServerError, problem{Error: "internal error"})
		return
	}
	p := problem{Error: string(e.Kind), OutcomeUnknown: e.OutcomeUnknown}
	status := http.StatusBadGateway // our side of the provider is broken: credentials, network, odd answers
	switch e.Kind {
	case identkit.ErrInvalidRequest:
		status = http.StatusBadRequest
		for _, f := range e.Fields {
			p.Fields = append(p.Fields, f.Field+" "+f.Reason)
		}
	case identkit.ErrNotFound:
		status = http.StatusNotFound
	case identkit.ErrConflict:
		status = http.StatusConflict
	case identkit.ErrRejected:
		status = http.StatusUnprocessableEntity
	case identkit.ErrRateLimited:
		status = http.StatusServiceUnavailable
		if e.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
		}
	case identkit.ErrUnavailable, identkit.ErrRetryBudget:
		status = http.StatusServiceUnavailable
	case identkit.ErrTimeout:
		status = http.StatusGatewayTimeout
	}
	if status >= http.StatusInternalServerError {
		logger.ErrorContext(r.Context(), "provider call failed", "err", e)
	}
	reply(w, status, p)
}
