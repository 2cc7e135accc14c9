package powerauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/webhook"
)

// CallbackConfig says how callbacks are received. Verify, HandleUnknown, and Client unless TrustBody is set, are required.
type CallbackConfig struct {
	// Verify decides whether the sender is PAC: webhook.NewBasicAuth, webhook.NewBearer or NewBearerFunc (the sender gets its
	// token by OAuth2), webhook.NewClientCertificate, or as the last resort webhook.NewPathSecret. None of them covers the body,
	// so there should be TLS.
	Verify webhook.Verifier
	// Client reads again what a callback is about. Only TrustBody goes without one.
	Client *Client
	// TrustBody hands callbacks over as they came, without reading again: they may be old.
	TrustBody bool
	// HandleRegistration and HandleOperation do the work, more than once for the same change if PAC sends no key. An error, and a panic,
	// gets 503, so that PAC tries again if its MaxAttempts lets it. Without one, its callbacks go to HandleUnknown.
	HandleRegistration func(ctx context.Context, c RegistrationCallback) error
	HandleOperation    func(ctx context.Context, c OperationCallback) error
	// HandleUnknown gets every other callback.
	HandleUnknown func(ctx context.Context, c UnknownCallback) error

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
	// Notifier wakes Registrations.WaitFor and Operations.Wait after a callback about what they wait for was handled, by whichever function.
	// Nil means that of the Client's Options.
	Notifier identkit.Notifier
	// Logger, Observer and Clock are those of webhook.Config. An Observer without a Delivery function means the Client's.
	Logger   *slog.Logger
	Observer identkit.Observer
	Clock    func() time.Time
}

// NewCallbackHandler returns a handler for the callbacks of one or several applications; register it with
// [AdminClient.CreateCallback]. It verifies the sender, reads the registration or operation again, passes over what it has handled, and
// hands over what it read. See "Callbacks" in the package documentation.
//
// Responses are those of package webhook. Source: callbacks page, WebServices-Methods and code of the engine; checked 2026-11.
func NewCallbackHandler(cfg CallbackConfig) (*webhook.Handler, error) {
	var check transport.Check
	check.That(cfg.HandleUnknown != nil, "HandleUnknown", "is nil")
	if cfg.Client != nil || !cfg.TrustBody {
		cfg.Client.check("Client", &check)
	}
	if cfg.Client != nil && cfg.Client.client != nil {
		if cfg.Observer.Delivery == nil {
			cfg.Observer = cfg.Client.client.Observer()
		}
		if cfg.Notifier == nil {
			cfg.Notifier = cfg.Client.client.Notifier()
		}
	}
	r := &callbackReceiver{cfg: cfg, header: webhook.UnsignedIDHeader("Idempotency-Key")}
	h, err := webhook.NewHandler(webhook.Config[callback]{
		Name: cmp.Or(cfg.Name, provider), Verify: cfg.Verify, Decode: decodeCallback, Resolve: r.resolve, EventID: r.eventID, Handle: r.handle,
		Store: cfg.Store, Retention: cfg.Retention, Timeout: cfg.Timeout, MaxBytes: cfg.MaxBytes,
		Notifier: cfg.Notifier, NotifyKeys: func(c callback) []string { return []string{c.notifyKey} },
		Logger: cfg.Logger, Observer: cfg.Observer, Clock: cfg.Clock,
	})
	var faults *identkit.Error
	if errors.As(err, &faults) {
		check.Faults = append(check.Faults, faults.Fields...)
	}
	if err := check.Err(provider, "powerauth.NewCallbackHandler"); err != nil {
		return nil, err
	}
	return h, err
}

type callbackReceiver struct {
	cfg    CallbackConfig
	header func(*webhook.Delivery) (string, error)
}

// resolve replaces what the body says by what PAC says now.
func (r *callbackReceiver) resolve(ctx context.Context, c callback) (callback, error) {
	switch {
	case c.registration != nil && r.cfg.HandleRegistration == nil, c.operation != nil && r.cfg.HandleOperation == nil:
		return c.asUnknown(), nil
	case r.cfg.TrustBody, c.registration == nil && c.operation == nil:
		return c, nil
	}
	var err error
	if c.registration != nil {
		err = r.readRegistration(ctx, &c)
	} else {
		err = r.readOperation(ctx, &c)
	}
	switch {
	case errors.Is(err, identkit.ErrInvalidRequest):
		return c.asUnknown(), nil // about an id that cannot be one
	case err != nil:
		return c, fmt.Errorf("powerauth: state cannot be read again: %w", err)
	}
	return c, nil
}

func (r *callbackReceiver) readRegistration(ctx context.Context, c *callback) error {
	about := *c.registration
	got, err := r.cfg.Client.Registrations.Get(ctx, about.RegistrationID)
	switch {
	case err == nil:
		about.Registration = got
	case !errors.Is(err, identkit.ErrNotFound):
		return err
	case about.Payload.Status == RegistrationRemoved:
		// Some deployments say so what others say with REMOVED. It also means "no access", so only a callback about the removal counts.
		about.Registration = &Registration{ID: about.RegistrationID, Status: RegistrationRemoved}
	default:
		about.NotFound = true
	}
	c.registration = &about
	return nil
}

func (r *callbackReceiver) readOperation(ctx context.Context, c *callback) error {
	about := *c.operation
	got, err := r.cfg.Client.Operations.Get(ctx, about.OperationID)
	about.NotFound = errors.Is(err, identkit.ErrNotFound)
	if err != nil && !about.NotFound {
		return err
	}
	about.Operation, c.operation = got, &about
	return nil
}

// eventID is PAC's key. Without one nothing tells a repeated callback from the next change back to the same state: to handle one twice
// does no harm, to miss one does.
func (r *callbackReceiver) eventID(d *webhook.Delivery, c callback) (string, error) {
	key, err := r.header(d)
	if err == nil && key == "" {
		return rand.Text(), nil
	}
	return key + "|" + c.id, err
}

func (r *callbackReceiver) handle(ctx context.Context, c callback) error {
	switch {
	case c.registration != nil:
		return r.cfg.HandleRegistration(ctx, *c.registration)
	case c.operation != nil:
		return r.cfg.HandleOperation(ctx, *c.operation)
	}
	return r.cfg.HandleUnknown(ctx, c.UnknownCallback)
}
