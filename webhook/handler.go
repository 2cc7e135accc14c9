package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Config says how deliveries of one sender are received. Verify and Handle are required; every zero field else is
// the recommended setting.
type Config[E any] struct {
	// Name stands in logs and in front of every key in the store: printable ASCII without spaces and colons, at
	// most 64 bytes. Handlers that share a store need different names. Empty means "webhook".
	Name string
	// Verify decides whether the sender is who it should be.
	Verify Verifier
	// Decode reads the events of a verified delivery, one or a batch; none means that there is nothing to do. It
	// should keep the body where the vendor may add fields. Nil means [JSON], one event. An error is answered with
	// 400.
	Decode func(d *Delivery) ([]E, error)
	// Handle does the work for one event; nil means done. An error is answered with 503, so that the sender tries
	// again, or with 400 if it is [ErrUndecodable]. The events of a batch are handled one by one, and one that
	// fails does not keep the others from being handled; when the sender repeats the batch, those done are passed
	// over. The context ends after Timeout, not when the sender hangs up.
	Handle func(ctx context.Context, e E) error
	// DeliveryID names a delivery where the proof covers no id; see [UnsignedIDHeader]. An empty id means the
	// default rule: the id the proof covers, else a digest of the body. At most one of DeliveryID and EventID is
	// set.
	DeliveryID func(d *Delivery) (string, error)
	// EventID names an event by its content, such as type, object and state, for senders that may repeat an event in
	// another wrapping. An empty id or an error is answered with 400.
	EventID func(d *Delivery, e E) (string, error)
	// Store remembers what was handled. Nil means a [MemoryStore] of this handler's own; [NoStore] means none.
	Store Store
	// Keep is how long a handled delivery is remembered. Zero means 72 hours. It should be longer than the sender
	// goes on trying. Where the proof covers no timestamp, a copy of a delivery that somebody kept is caught only
	// for so long; where it does, Keep must not be shorter than twice the tolerance.
	Keep time.Duration
	// Timeout bounds the work on a delivery after its body has been read. Zero means 10 seconds, which is less than
	// most senders wait. A Handle that overruns it is left behind and answered for with 503; it keeps its claim
	// until it returns, for at most twice the Timeout and 5 seconds, and decides it then. Verify, Decode and Store are
	// not left behind: they must honour their context.
	Timeout time.Duration
	// ReadTimeout bounds the reading of the body. Zero means 10 seconds. Behind middleware whose ResponseWriter has
	// no Unwrap method the answer comes in time too, but the connection is freed only by [http.Server].ReadTimeout.
	ReadTimeout time.Duration
	// MaxBytes caps the body. Zero means 1 MiB.
	MaxBytes int64
	// Methods that are accepted. Nil means POST.
	Methods []string
	// ContentTypes that are accepted, without parameters. Nil means application/json and every type that ends in
	// +json; the single entry "*/*" accepts all, and none.
	ContentTypes []string
	// Logger gets one record a delivery: debug when it was handled or a duplicate, warn when refused, error when the
	// handler or the store failed. Records hold names, reasons, key ids and counts; never a body, a header, a URL or
	// anything computed from a key. The errors of Decode, Handle and Store are printed as they are. Nil means silent.
	Logger *slog.Logger
	// Observe is told how each delivery ended, after the answer was chosen, for metrics. Nil means nobody.
	Observe func(ctx context.Context, o Outcome)
	// Clock gives the time of arrival. Nil means time.Now.
	Clock func() time.Time
}

// NewHandler returns a handler that answers as the package comment says. It reports all faults of the configuration
// at once. It can be mounted under any path and method pattern of any router that takes an [http.Handler].
func NewHandler[E any](cfg Config[E]) (http.Handler, error) {
	if cfg.Name == "" {
		cfg.Name = "webhook"
	}
	var errs []error
	fault := func(wrong bool, text string) {
		if wrong {
			errs = append(errs, errors.New("webhook: "+text))
		}
	}
	fault(!isToken(cfg.Name, 64) || strings.Contains(cfg.Name, ":"), "Name is too long, not printable or has a colon")
	fault(cfg.Verify == nil, "no Verify")
	fault(cfg.Handle == nil, "no Handle")
	fault(cfg.DeliveryID != nil && cfg.EventID != nil, "both DeliveryID and EventID")
	fault(cfg.Keep < 0 || cfg.Timeout < 0 || cfg.ReadTimeout < 0 || cfg.MaxBytes < 0, "a negative limit")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	h := &handler[E]{
		name: cfg.Name, verify: cfg.Verify, decode: cfg.Decode, handle: cfg.Handle, store: cfg.Store,
		keep: orDefault(cfg.Keep, 72*time.Hour), timeout: orDefault(cfg.Timeout, 10*time.Second),
		key: keyRule[E]{name: cfg.Name, deliveryID: cfg.DeliveryID, eventID: cfg.EventID},
		intake: intake{
			methods: append([]string(nil), cfg.Methods...), contentTypes: append([]string(nil), cfg.ContentTypes...),
			maxBytes: orDefault(cfg.MaxBytes, 1<<20), timeout: orDefault(cfg.ReadTimeout, 10*time.Second),
		},
		logger: cfg.Logger, observe: cfg.Observe, clock: cfg.Clock, challenges: challengesOf(cfg.Verify),
	}
	if len(h.intake.methods) == 0 {
		h.intake.methods = []string{http.MethodPost}
	}
	if h.decode == nil {
		h.decode = JSON[E]
	}
	if h.clock == nil {
		h.clock = time.Now
	}
	if h.store == nil {
		h.store = NewMemoryStore(MemoryConfig{Clock: cfg.Clock})
	}
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	return h, nil
}

func orDefault[T int64 | time.Duration](given, standard T) T {
	if given == 0 {
		return standard
	}
	return given
}

type handler[E any] struct {
	name          string
	intake        intake
	verify        Verifier
	decode        func(*Delivery) ([]E, error)
	handle        func(context.Context, E) error
	key           keyRule[E]
	store         Store
	keep, timeout time.Duration
	logger        *slog.Logger
	observe       func(context.Context, Outcome)
	clock         func() time.Time
	challenges    []string
	late          lateKeys
}

// ServeHTTP receives one delivery and answers it.
func (h *handler[E]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	out := Outcome{Name: h.name}
	// The sender may hang up while an event is handled; the work goes on, so that its next try finds it done.
	ctx := context.WithoutCancel(r.Context())
	h.receive(ctx, w, r, &out)
	out.Status = out.Reason.status()
	h.answer(w, out.Status, out.Reason)
	out.Took = time.Since(start)
	h.report(ctx, out)
}

func (h *handler[E]) receive(ctx context.Context, w http.ResponseWriter, r *http.Request, out *Outcome) {
	defer func() {
		if p := recover(); p != nil {
			out.Reason, out.Err = ErrPanic, newPanicError(p)
		}
	}()
	arrived := h.clock()
	body, refused := h.intake.read(w, r)
	if refused != "" {
		out.Reason, out.Err = refused, refused
		return
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	request := NewRequest(r, body)
	request.Time = arrived
	receipt, err := VerifyRequest(ctx, h.verify, request)
	if err != nil {
		out.Reason, out.Err = reasonOf(err), err
		return
	}
	out.Receipt = receipt
	d := &Delivery{Request: request, Receipt: receipt}
	events, err := h.decode(d)
	if err != nil {
		out.Reason, out.Err = ErrUndecodable, err
		return
	}
	h.handleAll(ctx, d, events, out)
}

func (h *handler[E]) answer(w http.ResponseWriter, status int, reason Reason) {
	header := w.Header()
	switch {
	case status == http.StatusMethodNotAllowed:
		header.Set("Allow", strings.Join(h.intake.methods, ", "))
	case status == http.StatusUnauthorized && len(h.challenges) > 0:
		header["Www-Authenticate"] = slices.Clone(h.challenges)
	case reason == ErrInProgress:
		header.Set("Retry-After", "1")
	}
	w.WriteHeader(status)
}

func (h *handler[E]) report(ctx context.Context, out Outcome) {
	defer func() { _ = recover() }() // the answer is given; an observer's panic must not break the connection
	level := slog.LevelDebug
	switch {
	case out.Status >= http.StatusInternalServerError:
		level = slog.LevelError
	case out.Status >= http.StatusBadRequest:
		level = slog.LevelWarn
	}
	if h.logger.Enabled(ctx, level) {
		h.log(ctx, level, "webhook delivery", out.attrs()...)
	}
	if h.observe != nil {
		h.observe(ctx, out)
	}
}

// log contains the panics of a logger, and of errors that cannot print themselves: they must not change what happens.
func (h *handler[E]) log(ctx context.Context, level slog.Level, text string, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	h.logger.LogAttrs(ctx, level, text, attrs...)
}
