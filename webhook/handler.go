package webhook

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/input"
)

// Config says how deliveries of one sender are received. Verify and Handle are required; every other zero field is
// the recommended setting.
type Config[E any] struct {
	// Name stands in logs and in front of every key in the store: printable ASCII without spaces and colons, at
	// most 64 bytes. Handlers that share a store need different names, so it is required beside a Store. Else empty means "webhook".
	Name string
	// Verify decides whether the sender is who it should be.
	Verify Verifier
	// Decode reads the events of a verified delivery, one or a batch; none means that there is nothing to do. It
	// should keep the body where the vendor may add fields. Nil means [JSON], one event. An error gets 400, but the valid events
	// beside a [*BatchError] are handled.
	Decode func(d *Delivery) ([]E, error)
	// Resolve replaces an event by what the provider's API says now, before EventID and Store see it, so that an old or forged
	// body decides nothing. It has half of the time that is left. An error gets 503, so that the sender tries again; [ErrGone]
	// gets 200 and handles nothing, [ErrInvalidEvent] gets 400. Nil hands events on as they are.
	Resolve func(ctx context.Context, e E) (E, error)
	// Handle does the work for one event; nil means done. An error gets 503, so that the sender tries
	// again; [ErrInvalidEvent] gets 400, [ErrDuplicate] and [GiveUp] 200. [DeliveryFrom] finds the delivery. The events of a batch are handled one by one, and one that
	// fails does not keep the others from being handled; when the sender repeats the batch, those done are passed
	// over if they have ids. The context ends after Timeout, not when the sender hangs up.
	Handle func(ctx context.Context, e E) error
	// DeliveredID names an event before Resolve, by what was delivered. One that was handled under this id is a duplicate and is not resolved
	// again, so that the redelivery of a large batch goes on where the time ran out; EventID or DeliveryID still names what Resolve returned.
	// An empty id names none: of a batch that failed in part, this process then passes over what it has handled when equal content comes
	// again within an hour. An error gets 400.
	DeliveredID func(d *Delivery, e E) (string, error)
	// DeliveryID names a delivery where no id is signed; see [UnsignedIDHeader]. An empty id means the
	// default rule of the package comment. At most one of DeliveryID and EventID is set.
	DeliveryID func(d *Delivery) (string, error)
	// EventID names an event by its content, such as an id in the body, or type, object and state. An empty id or an error gets 400.
	EventID func(d *Delivery, e E) (string, error)
	// DeduplicateWithin makes deliveries of equal signed content one, for this long, where no id names them. Zero handles each of them.
	DeduplicateWithin time.Duration
	// Store remembers what was handled. Nil means a [MemoryStore] of this handler's own; [NoStore] means none.
	Store Store
	// Retention is how long an event with an id is remembered. Zero means 72 hours. It should be longer than the sender
	// goes on trying. Where no timestamp is signed, a copy of a delivery that somebody kept is recognized only
	// for so long; where one is, Retention must not be shorter than twice the tolerance.
	Retention time.Duration
	// Timeout bounds the work on a delivery after its body has been read. Zero means 10 seconds, which is less than
	// most senders wait. An event that overruns it is left behind with a 503; it keeps its claim
	// until it ends, for at most twice the Timeout and 5 seconds, and settles it then; the observer is called when it ends. Verify and
	// Decode are not left behind: they must honour their context.
	Timeout time.Duration
	// MaxUnfinished caps the events left behind; while there are so many, deliveries get 503. Zero means 100.
	MaxUnfinished int
	// ReadTimeout bounds the reading of the body. Zero means 10 seconds, or [http.Server].ReadTimeout if that is shorter. Behind middleware whose ResponseWriter has
	// no Unwrap method the response comes in time too, but the connection is freed only by [http.Server].ReadTimeout.
	ReadTimeout time.Duration
	// MaxBytes caps the body. Zero means 1 MiB.
	MaxBytes int64
	// Methods that are accepted. Nil means POST.
	Methods []string
	// ContentTypes that are accepted, without parameters; those of a delivery are ignored. Nil means application/json and every type that ends in
	// +json; the single entry "*/*" accepts all, and none.
	ContentTypes []string
	// Challenge responds to requests that are no deliveries, such as a GET by which a vendor checks the address. It is asked first, before
	// anything is checked or read: nothing in the request is verified, and its Body is nil. Nil goes on with the delivery.
	Challenge func(ctx context.Context, r *Request) *Response
	// Respond chooses the response to a verified delivery after its events were handled, for vendors that expect something in the body.
	// Nil responds with info.Status and no body.
	Respond func(ctx context.Context, d *Delivery, info identkit.DeliveryInfo) *Response
	// Logger gets one record a delivery: debug when it was handled or a duplicate, warn when refused or given up, error when the
	// handler or the store failed. Records hold names, reasons, key ids and counts; never a body, a header, a URL or
	// anything computed from a key. The errors of Decode, Resolve, Handle and Store are printed as they are. Nil disables it.
	Logger *slog.Logger
	// Observer's Delivery function is called for each delivery after the response was sent, and for the end of each event left behind;
	// its other functions are not.
	Observer identkit.Observer
	// Notifier is notified of NotifyKeys after Handle returned nil, so that a wait for what the event is about reads it again at once. One of
	// the team's own gets a second for each, and neither the response nor its result depends on it. Nil notifies nobody.
	Notifier identkit.Notifier
	// NotifyKeys are the keys of an event, as the provider's package makes them; "" notifies nobody. It is required beside a Notifier.
	NotifyKeys func(e E) []string
	// Clock gives [Request].Time. Nil means time.Now.
	Clock func() time.Time
}

// Handler receives the deliveries of one sender. It can be mounted under any path and method pattern of any router that takes an
// [http.Handler].
type Handler struct {
	name       string
	intake     intake
	verify     Verifier
	bodyFirst  bool // Verify needs the body
	process    func(context.Context, *Delivery, *identkit.DeliveryInfo)
	challenge  func(context.Context, *Request) *Response
	response   func(context.Context, *Delivery, identkit.DeliveryInfo) *Response
	store      Store
	timeout    time.Duration
	logger     *slog.Logger
	observe    func(context.Context, identkit.DeliveryInfo)
	clock      func() time.Time
	challenges []string
	notifier   notifier
	late       lateEvents
	partial    partialDeliveries
	backlog    backlog
}

// NewHandler returns a handler that responds as the package comment says. It reports all faults of the configuration
// at once.
func NewHandler[E any](cfg Config[E]) (*Handler, error) {
	var f faults
	f.that(cfg.Name != "" || cfg.Store == nil || cfg.Store == NoStore, "Name", "is needed beside a Store, where it distinguishes handlers")
	cfg.Name = cmp.Or(cfg.Name, "webhook")
	f.that(isName(cfg.Name), "Name", "is too long, not printable or has a colon")
	f.notNil("Verify", cfg.Verify)
	f.that(cfg.Store == nil || !input.IsNil(cfg.Store), "Store", "holds a nil pointer or function, which is not the same as nil")
	f.that(cfg.Handle != nil, "Handle", "is nil")
	f.that(cfg.DeliveredID == nil || cfg.Resolve != nil, "DeliveredID", "is set without Resolve")
	f.that(cfg.DeliveryID == nil || cfg.EventID == nil, "DeliveryID", "is set beside EventID")
	f.that(cfg.Notifier == nil || cfg.NotifyKeys != nil, "NotifyKeys", "is nil beside a Notifier")
	f.that(cfg.EventID == nil || cfg.DeduplicateWithin == 0, "DeduplicateWithin", "is set beside EventID")
	f.that(cfg.DeduplicateWithin >= 0, "DeduplicateWithin", "is negative")
	f.that(cfg.Retention >= 0, "Retention", "is negative")
	f.that(cfg.Timeout >= 0, "Timeout", "is negative")
	f.that(cfg.ReadTimeout >= 0, "ReadTimeout", "is negative")
	f.that(cfg.MaxBytes >= 0, "MaxBytes", "is negative")
	f.that(cfg.MaxUnfinished >= 0, "MaxUnfinished", "is negative")
	f.contentTypes(cfg.ContentTypes)
	if err := f.err("NewHandler"); err != nil {
		return nil, err
	}
	h := &Handler{
		name: cfg.Name, verify: cfg.Verify, bodyFirst: !ignoreBody(cfg.Verify), challenge: cfg.Challenge, response: cfg.Respond, store: cfg.Store,
		timeout: cmp.Or(cfg.Timeout, 10*time.Second), backlog: backlog{max: cmp.Or(cfg.MaxUnfinished, 100)},
		intake: intake{
			methods: slices.Clone(cfg.Methods), contentTypes: slices.Clone(cfg.ContentTypes), maxBytes: cmp.Or(cfg.MaxBytes, 1<<20),
			timeout: cmp.Or(cfg.ReadTimeout, 10*time.Second), byServer: cfg.ReadTimeout == 0,
		},
		logger: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)), observe: cfg.Observer.Delivery, clock: cfg.Clock, challenges: challengesOf(cfg.Verify),
	}
	h.notifier.Notifier = cfg.Notifier
	if len(cfg.Methods) == 0 {
		h.intake.methods = []string{http.MethodPost}
	}
	if h.clock == nil {
		h.clock = time.Now
	}
	if h.store == nil {
		h.store = NewMemoryStore(MemoryConfig{Clock: cfg.Clock})
	}
	v := &events[E]{
		h: h, decode: cfg.Decode, resolve: cfg.Resolve, handle: cfg.Handle, notify: cfg.NotifyKeys,
		key: keyRule[E]{
			name: cfg.Name, deliveredID: cfg.DeliveredID, deliveryID: cfg.DeliveryID, eventID: cfg.EventID,
			retention: cmp.Or(cfg.Retention, 72*time.Hour), deduplicateWithin: cfg.DeduplicateWithin,
		},
	}
	if v.decode == nil {
		v.decode = JSON[E]
	}
	h.process = v.process
	return h, nil
}
