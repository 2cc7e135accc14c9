package powerauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/webhook"
)

// CallbackConfig says how callbacks are received. Verify, OnUnknown, and Client unless TrustBody is set, are required.
type CallbackConfig struct {
	// Verify decides whether the sender is PAC: webhook.NewBasicAuth, webhook.NewBearer or NewBearerFunc (the sender gets its
	// token by OAuth2), webhook.NewClientCertificate, or as the last resort webhook.NewPathSecret. None of them covers the body,
	// so there should be TLS.
	Verify webhook.Verifier
	// Client reads again what a callback is about.
	Client *Client
	// TrustBody hands callbacks over as they came, without reading again. Nobody guarantees that they are current.
	TrustBody bool
	// OnRegistration and OnOperation do the work. An error, and a panic, is answered with 503, so that PAC tries again if its
	// MaxAttempts lets it. Without one, its callbacks go to OnUnknown.
	OnRegistration func(ctx context.Context, c RegistrationCallback) error
	OnOperation    func(ctx context.Context, c OperationCallback) error
	// OnUnknown gets every other callback.
	OnUnknown func(ctx context.Context, c UnknownCallback) error

	// Name stands in logs and in front of keys in the store. Empty means "powerauth".
	Name string
	// Store remembers what was handled. Nil means the memory of this process; share one behind a load balancer.
	Store webhook.Store
	// Retention is how long a handled callback is remembered. Zero means 72 hours.
	Retention time.Duration
	// Timeout bounds the work on a callback, reading again included. Zero means 10 seconds; PAC waits 60.
	Timeout time.Duration
	// MaxBytes caps the body. Zero means 1 MiB.
	MaxBytes int64
	// Logger, Observer and Clock are those of webhook.Config.
	Logger   *slog.Logger
	Observer identkit.Observer
	Clock    func() time.Time
}

// NewCallbackHandler returns a handler for the callbacks of one or several applications; register it with
// [AdminClient.CreateCallback]. It verifies the sender, passes over what it has handled, reads the registration or operation again,
// and hands over what it read.
//
// A callback is a hint: its body is not signed and may be old. So what the handler function gets in Registration or Operation is the
// state read after the callback came; when that cannot be read, the answer is 503 and PAC tries again, if its MaxAttempts (default 1)
// lets it. What PAC no longer finds is handed over as NotFound. The vendor itself says that callbacks may be lost: sweep open registrations and operations as well.
//
// Repeated deliveries are known by the Idempotency-Key header (PAC 1.9 and later). Without it, the same type, id, status and number
// of failures, as they were read and not as the body tells them, are handed over once a minute: they come again when a device is
// blocked, unblocked and blocked. The header is not covered by the proof, and need not be: the proof says that PAC sent the whole
// request.
//
// Answers are those of package webhook. Source: callbacks page, WebServices-Methods and code of the engine; checked 2026-11.
func NewCallbackHandler(cfg CallbackConfig) (http.Handler, error) {
	var check transport.Check
	check.That(cfg.OnUnknown != nil, "OnUnknown", "is nil")
	check.That(cfg.TrustBody || cfg.Client != nil, "Client", "is nil, so nothing can be read again; TrustBody goes without")
	faults := check.Err(provider, "powerauth.NewCallbackHandler")
	if cfg.Name == "" {
		cfg.Name = provider
	}
	if cfg.Store == nil {
		cfg.Store = webhook.NewMemoryStore(webhook.MemoryConfig{Clock: cfg.Clock})
	}
	if cfg.Retention == 0 {
		cfg.Retention = 72 * time.Hour
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	r := &callbackReceiver{cfg: cfg, header: webhook.UnsignedIDHeader("Idempotency-Key")}
	h, err := webhook.NewHandler(webhook.Config[callback]{
		Name: cfg.Name, Verify: cfg.Verify, Decode: r.decode, Handle: r.handle, EventID: r.eventID,
		Store: cfg.Store, Retention: cfg.Retention, Timeout: cfg.Timeout, MaxBytes: cfg.MaxBytes,
		Logger: cfg.Logger, Observer: cfg.Observer, Clock: cfg.Clock,
	})
	if err = errors.Join(faults, err); err != nil {
		return nil, err
	}
	return h, nil
}

type callbackReceiver struct {
	cfg    CallbackConfig
	header func(*webhook.Delivery) (string, error)
}

// eventID names a callback for deduplication.
func (r *callbackReceiver) eventID(d *webhook.Delivery, c callback) (string, error) {
	key, err := r.header(d)
	if err != nil {
		return "", err
	}
	switch {
	case key != "":
		return strings.Join([]string{"key", key, c.id}, "|"), nil
	case !r.cfg.TrustBody || c.status == "":
		// What is read again is known by its state, in once. Else nothing tells it from the next change of the same thing: to
		// handle one twice does no harm, to miss one does.
		return rand.Text(), nil
	}
	return c.stateKey(c.status, c.failures), nil
}

// stateKey names a state of what the callback is about, within a minute: the same state may come again.
func (c *callback) stateKey(status, failures string) string {
	return strings.Join([]string{"state", string(c.kind), c.id, status, failures, c.minute}, "|")
}

// decode also notes how the delivery is known again.
func (r *callbackReceiver) decode(d *webhook.Delivery) ([]callback, error) {
	callbacks, err := decodeCallback(d)
	if err != nil {
		return nil, err
	}
	key, err := r.header(d)
	for i := range callbacks {
		callbacks[i].keyed = key != ""
		callbacks[i].minute = strconv.FormatInt(d.Request.Time.Unix()/60, 10)
	}
	return callbacks, err
}

// once hands over a state that was read, unless the same one was handed over in the same minute. It is the state that was read and
// not the one that the body tells, so that a forged or early body cannot stand in the way of the real one.
func (r *callbackReceiver) once(ctx context.Context, c *callback, status, failures string, hand func() error) error {
	if c.keyed || r.cfg.TrustBody || status == "" {
		return hand()
	}
	claim, err := r.cfg.Store.Claim(ctx, r.cfg.Name+":"+c.stateKey(status, failures), 2*r.cfg.Timeout+settleTime)
	switch {
	case errors.Is(err, webhook.ErrDuplicate):
		return nil
	case err != nil:
		return err
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	handed := false
	defer func() {
		if !handed { // an error, or a panic on its way up
			_ = claim.Release(settle)
		}
	}()
	if err := hand(); err != nil {
		return err
	}
	handed = true
	return claim.Commit(settle, r.cfg.Retention)
}

const settleTime = 5 * time.Second

func (r *callbackReceiver) handle(ctx context.Context, c callback) error {
	unknown := func() error { return r.cfg.OnUnknown(ctx, UnknownCallback{Raw: c.raw, Type: c.kindText}) }
	switch {
	case c.registration != nil && r.cfg.OnRegistration != nil:
		told := c.registration
		if err := r.readRegistration(ctx, told); errors.Is(err, identkit.ErrInvalidRequest) {
			return unknown() // about an id that cannot be one
		} else if err != nil {
			return err
		}
		return r.once(ctx, &c, string(told.Registration.Status), "", func() error { return r.cfg.OnRegistration(ctx, *told) })
	case c.operation != nil && r.cfg.OnOperation != nil:
		told := c.operation
		if err := r.readOperation(ctx, told); errors.Is(err, identkit.ErrInvalidRequest) {
			return unknown()
		} else if err != nil {
			return err
		}
		failures := strconv.Itoa(told.Operation.FailureCount)
		return r.once(ctx, &c, string(told.Operation.Status), failures, func() error { return r.cfg.OnOperation(ctx, *told) })
	}
	return unknown()
}

func (r *callbackReceiver) readRegistration(ctx context.Context, c *RegistrationCallback) error {
	if r.cfg.TrustBody {
		return nil
	}
	got, err := r.cfg.Client.Registrations.Get(ctx, c.RegistrationID)
	if errors.Is(err, identkit.ErrNotFound) {
		// Some deployments answer so what others answer with REMOVED. It also means "no access", so only a callback that tells of
		// the removal is believed.
		if c.NotFound = c.Told.Status != RegistrationRemoved; !c.NotFound {
			c.Registration = Registration{ID: c.RegistrationID, Status: RegistrationRemoved}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("powerauth: registration cannot be read again: %w", err)
	}
	c.Registration = *got
	return nil
}

func (r *callbackReceiver) readOperation(ctx context.Context, c *OperationCallback) error {
	if r.cfg.TrustBody {
		return nil
	}
	got, err := r.cfg.Client.Operations.Get(ctx, c.OperationID)
	if errors.Is(err, identkit.ErrNotFound) {
		c.NotFound = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("powerauth: operation cannot be read again: %w", err)
	}
	c.Operation = *got
	return nil
}
