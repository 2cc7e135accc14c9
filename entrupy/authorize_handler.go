package entrupy

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// User is whose app may log in, by the backend's own session; see [AuthorizeUserParams] for what the fields must be.
type User struct {
	ID                  UserID // required
	Email               string // required
	FirstName, LastName string // the first call fixes them for ever
}

// AuthorizeConfig says who the user is. User and Store are required.
type AuthorizeConfig struct {
	// User finds the user in the backend's own session. A User without an ID, or an error that is [identkit.ErrUnauthorized], means that
	// nobody is logged in: 401. Any other error gets 503. It must not read the body, nor take anything of what it returns from the app.
	User func(r *http.Request) (User, error)
	// Store stores Entrupy's name of the user, which searches need, before the app gets its response: it can be called often with the same
	// name. An error gets 503. Its context outlasts an app that hangs up.
	Store func(ctx context.Context, user User, username Username) error
	// Timeout bounds the call to Entrupy, and Store by itself. Zero means 10 seconds.
	Timeout time.Duration
	// MaxBytes caps the body. Zero means 64 KiB.
	MaxBytes int64
	// Logger gets one record for each failure: warn when the app or its user was refused, error when the backend or Entrupy failed. Errors of
	// User and Store are printed as they are. Nil disables it.
	Logger *slog.Logger
}

// NewAuthorizeHandler returns the endpoint that the app asks, each time it needs a session, with what its SDK made:
//
//	POST {"sdk_authorization_request": "…"}  →  200 {"signed_authorization_request": "…"}
//
// That member is all that is taken from the app; everything else of the request is ignored, a user id most of all. The app's own
// authentication is that of the backend, by [AuthorizeConfig].User.
//
// Responses to failures have no body, so that no text of Entrupy reaches the app: 400 no such JSON; 401 nobody is logged in; 405 and 415 not
// a POST of application/json, which the form of another site cannot send; 413 a large body; 500 what User returned breaks a rule, and
// nothing was sent; 502 Entrupy refused the call, failed, or gave no valid response; 503 User, Store or the source of the token failed, or
// the rate is exhausted, then with Retry-After; 504 there was no response in time. After each of the last three the app must make a new
// request. A 409 with an authorization in its body counts as success (EN-012). Responses are never to be cached.
//
// [http.Server].ReadTimeout bounds slow bodies.
// Source: backend tasks of the iOS SDK, user authorization of the Android SDK; checked 2026-11.
func NewAuthorizeHandler(client *Client, cfg AuthorizeConfig) (http.Handler, error) {
	var check transport.Check
	check.That(client.transport() != nil, "client", "was not made by New")
	check.That(cfg.User != nil, "User", "is nil")
	check.That(cfg.Store != nil, "Store", "is nil")
	check.That(cfg.Timeout >= 0, "Timeout", "is negative")
	check.That(cfg.MaxBytes >= 0, "MaxBytes", "is negative")
	if err := check.Err(provider, "entrupy.NewAuthorizeHandler"); err != nil {
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 64<<10)
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	return &authorizeHandler{client.Users, cfg}, nil
}

type authorizeHandler struct {
	users Users
	cfg   AuthorizeConfig
}

// refusal is a failure with the status that the app gets.
type refusal struct {
	status     int
	what       string
	err        error
	retryAfter time.Duration // zero sends none
}

// ServeHTTP implements [http.Handler].
func (h *authorizeHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	signed, refused := h.authorize(w, r)
	if refused == nil {
		body, err := codec.Marshal(map[string]identkit.Secret{"signed_authorization_request": signed})
		if err == nil {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body)
			return
		}
		refused = &refusal{status: http.StatusBadGateway, what: "authorization cannot be passed on", err: err}
	}
	level := slog.LevelWarn
	if refused.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.Int("status", refused.status), slog.String("reason", refused.what)}
	if refused.err != nil {
		attrs = append(attrs, slog.Any("error", refused.err))
	}
	h.cfg.Logger.LogAttrs(r.Context(), level, "entrupy user was not authorized", attrs...)
	if refused.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	if refused.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(refused.retryAfter.Seconds()))))
	}
	w.WriteHeader(refused.status)
}

func (h *authorizeHandler) authorize(w http.ResponseWriter, r *http.Request) (identkit.Secret, *refusal) {
	if r.Method != http.MethodPost {
		return "", &refusal{status: http.StatusMethodNotAllowed, what: "not a POST"}
	}
	user, err := h.cfg.User(r)
	switch {
	case errors.Is(err, identkit.ErrUnauthorized), err == nil && user.ID == "":
		return "", &refusal{status: http.StatusUnauthorized, what: "nobody is logged in", err: err}
	case err != nil:
		return "", &refusal{status: http.StatusServiceUnavailable, what: "user cannot be found", err: err}
	}
	request, refused := h.read(w, r)
	if refused != nil {
		return "", refused
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout)
	defer cancel()
	a, err := h.users.Authorize(ctx, AuthorizeUserParams{
		SDKRequest: request, UserID: user.ID, Email: user.Email, FirstName: user.FirstName, LastName: user.LastName,
	})
	var conflict *AuthorizeConflict
	switch {
	case errors.As(err, &conflict) && conflict.Authorization != nil:
		a = conflict.Authorization
	case err != nil:
		return "", refusalOf(err)
	}
	if a.Username == "" { // of a conflict
		return a.SignedRequest, nil
	}
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), h.cfg.Timeout)
	defer cancel()
	if err := h.cfg.Store(ctx, user, a.Username); err != nil {
		return "", &refusal{status: http.StatusServiceUnavailable, what: "username cannot be stored", err: err}
	}
	return a.SignedRequest, nil
}

// read reads the one member that counts.
func (h *authorizeHandler) read(w http.ResponseWriter, r *http.Request) (identkit.Secret, *refusal) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return "", &refusal{status: http.StatusUnsupportedMediaType, what: "not application/json"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", &refusal{status: http.StatusRequestEntityTooLarge, what: "body too large"}
	case err != nil:
		return "", &refusal{status: http.StatusBadRequest, what: "body incomplete"}
	}
	var in struct {
		SDKRequest identkit.Secret `json:"sdk_authorization_request"`
	}
	if err := codec.Unmarshal(body, &in); err != nil {
		return "", &refusal{status: http.StatusBadRequest, what: "body invalid", err: err}
	}
	if in.SDKRequest == "" {
		return "", &refusal{status: http.StatusBadRequest, what: "sdk_authorization_request is missing"}
	}
	return in.SDKRequest, nil
}

// refusalOf says what a failed call means to the app, without a word of Entrupy's.
func refusalOf(err error) *refusal {
	out := &refusal{status: http.StatusBadGateway, what: "call failed", err: err}
	var e *identkit.Error
	switch {
	case errors.Is(err, identkit.ErrInvalidRequest):
		out.status, out.what = http.StatusInternalServerError, "user breaks a rule"
	case errors.Is(err, identkit.ErrRateLimited) && errors.As(err, &e):
		out.status, out.retryAfter = http.StatusServiceUnavailable, max(e.RetryAfter, time.Second)
	case errors.Is(err, identkit.ErrCredential), errors.Is(err, identkit.ErrCanceled):
		out.status = http.StatusServiceUnavailable
	case errors.Is(err, identkit.ErrTimeout):
		out.status = http.StatusGatewayTimeout
	}
	return out
}
