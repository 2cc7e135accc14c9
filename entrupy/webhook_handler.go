package entrupy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/webhook"
)

const webhookHandlerName = "entrupy.NewWebhookHandler"

// WebhookConfig says how deliveries are received. Keys and Handle are required, and Client is recommended.
type WebhookConfig struct {
	// Keys are the secrets of the subscriptions, as CreateWebhookParams.SecretKey has them; several while one is replaced.
	Keys *webhook.Keyring
	// Client reads each delivered item again, so that an old delivery decides nothing. It does so within its Limiter and half of the time
	// that is left: what it does not reach, or cannot read, makes the response 503, and the next delivery goes on with it. Without a
	// Client, deliveries may come late and out of order: store one only when its Authentication.Updated is later than the stored one.
	Client *Client
	// Include is what else the Client reads of an item.
	Include GetParams
	// Handle does the work for one item, and may get the same one again. An error, and a panic, gets 503, so that Entrupy tries again; the
	// other items of the delivery are handled all the same.
	Handle func(ctx context.Context, d Delivered) error
	// OnOther gets each event without an item, such as a support message, a certificate transfer, or one that this version does not know. Nil
	// ignores them.
	OnOther func(ctx context.Context, e *OtherEvent) error
	// OnUnreadable gets each item that cannot be read, with its position and JSON; the others of its delivery are handled. Nil gives such an
	// item up: it is logged and observed under webhook.ReasonGivenUp.
	OnUnreadable func(ctx context.Context, e *ItemError) error

	// Name stands in logs and in front of keys in the store. Empty means "entrupy".
	Name string
	// Store remembers what was handled. Nil means the memory of this process; share one behind a load balancer.
	Store webhook.Store
	// Retention is how long a handled item is remembered. Zero means 72 hours.
	Retention time.Duration
	// Timeout bounds the work on a delivery, reading again included. Zero means 10 seconds; how long Entrupy waits is not documented.
	Timeout time.Duration
	// MaxBytes caps the body. Zero means 1 MiB.
	MaxBytes int64
	// Notifier wakes Authentications.Wait and WaitLookup after an item that they wait for was handled. Nil means that of the Client's Options.
	Notifier identkit.Notifier
	// Logger, Observer and Clock are those of webhook.Config. An Observer without a Delivery function means the Client's.
	Logger   *slog.Logger
	Observer identkit.Observer
	Clock    func() time.Time
}

// NewWebhookHandler returns a handler for the deliveries of subscriptions of either format. It verifies the signature as
// [NewSignatureVerifier] does, reads every documented envelope, reads each item again if there is a Client, passes over what it has handled,
// and hands over item by item. See "Webhooks" in the package documentation.
//
// Responses are those of package webhook; any content type is accepted, for the signature covers the body.
// Source: webhook guide, webhooks v1.4, and the public handler of an integration; checked 2026-11. The envelopes are assumed (EN-030).
func NewWebhookHandler(cfg WebhookConfig) (*webhook.Handler, error) {
	var check transport.Check
	check.That(cfg.Client == nil || cfg.Client.client != nil, "Client", "was not made by New")
	r := &webhookReceiver{cfg}
	c := webhook.Config[event]{
		Name: cmp.Or(cfg.Name, provider), Decode: decodeDelivery, EventID: eventID, ContentTypes: []string{"*/*"},
		Store: cfg.Store, Retention: cfg.Retention, Timeout: cfg.Timeout, MaxBytes: cfg.MaxBytes,
		Notifier: cfg.Notifier, NotifyKeys: notifyKeys, Logger: cfg.Logger, Observer: cfg.Observer, Clock: cfg.Clock,
	}
	if cfg.Handle != nil {
		c.Handle = r.handle
	}
	if cfg.Client != nil && cfg.Client.client != nil {
		c.Resolve, c.DeliveredID = r.readAgain, deliveredID
		if c.Observer.Delivery == nil {
			c.Observer = cfg.Client.client.Observer()
		}
		if c.Notifier == nil {
			c.Notifier = cfg.Client.client.Notifier()
		}
	}
	faultsOf := func(err error) {
		var faults *identkit.Error
		if errors.As(err, &faults) {
			check.Faults = append(check.Faults, faults.Fields...)
		}
	}
	var err error
	if c.Verify, err = NewSignatureVerifier(cfg.Keys); err != nil {
		faultsOf(err)
		c.Verify = webhook.VerifierFunc(refuse) // the fault is reported, as one of Keys
	}
	h, err := webhook.NewHandler(c)
	faultsOf(err)
	if err := check.Err(provider, webhookHandlerName); err != nil {
		return nil, err
	}
	return h, err
}

func refuse(context.Context, *webhook.Request) (webhook.Receipt, error) {
	return webhook.Receipt{}, &webhook.VerifyError{Reason: webhook.ReasonUnavailable}
}

type webhookReceiver struct{ cfg WebhookConfig }

// readAgain replaces what was delivered by what the API says now.
func (r *webhookReceiver) readAgain(ctx context.Context, e event) (event, error) {
	if e.item == nil {
		return e, nil
	}
	d := *e.item
	got, err := r.cfg.Client.Authentications.Get(ctx, d.ID, r.cfg.Include)
	switch {
	case errors.Is(err, identkit.ErrNotFound):
		d.Authentication, d.Gone = nil, true
	case errors.Is(err, identkit.ErrInvalidRequest): // an id that cannot be one
		return event{id: e.id, unreadable: itemError(e.position, webhookHandlerName, d.Payload.RawJSON(), err)}, nil
	case err != nil:
		return e, fmt.Errorf("entrupy: item cannot be read again: %w", err)
	case !isOlder(got, d.Payload):
		d.Authentication = got
	}
	e.item = &d
	return e, nil
}

// isOlder compares by whole seconds, which either may have: an API that is behind its own delivery must not undo it.
func isOlder(got, delivered *Authentication) bool {
	return !got.Updated.IsZero() && got.Updated.Truncate(time.Second).Before(delivered.Updated.Truncate(time.Second))
}

func (r *webhookReceiver) handle(ctx context.Context, e event) error {
	switch {
	case e.item != nil:
		return r.cfg.Handle(ctx, *e.item)
	case e.unreadable != nil && r.cfg.OnUnreadable != nil:
		return r.cfg.OnUnreadable(ctx, e.unreadable)
	case e.unreadable != nil:
		return webhook.GiveUp(e.unreadable)
	case r.cfg.OnOther != nil:
		return r.cfg.OnOther(ctx, e.other)
	}
	return nil
}
