package webhook

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/identkit/identkit"
)

// ServeHTTP receives one delivery and responds to it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := identkit.DeliveryInfo{Name: h.name, Start: time.Now()}
	// The sender may hang up while an event is handled; the work goes on, so that its next attempt finds it done.
	ctx := context.WithoutCancel(r.Context())
	chosen := h.receive(ctx, w, r, &out)
	out.Status = cmp.Or(out.Status, Reason(out.Reason).Status())
	h.respond(w, Reason(out.Reason), out.Status, chosen)
	out.Duration = time.Since(out.Start)
	h.report(ctx, levelOf(&out), "webhook delivery", &out)
}

// Close makes the handler refuse further deliveries with 503, and waits until no event is being handled any more, those that ran out
// of time included. When the context ends before, the error says how many are left. Close it after [http.Server.Shutdown].
func (h *Handler) Close(ctx context.Context) error { return h.backlog.close(ctx) }

// Unfinished is how many events ran out of time and have not ended yet.
func (h *Handler) Unfinished() int { return h.backlog.unfinished() }

// receive takes a delivery through its steps: challenge, head, verification, body, events. The response is nil for the standard one.
func (h *Handler) receive(ctx context.Context, w http.ResponseWriter, r *http.Request, out *identkit.DeliveryInfo) (chosen *Response) {
	defer func() {
		if p := recover(); p != nil {
			out.Reason, out.Err = string(ReasonPanic), newPanicError(p)
		}
	}()
	request := NewRequest(r, nil)
	request.Time = h.clock()
	if chosen = h.challenged(ctx, request); chosen != nil {
		out.Reason, out.Status = string(ReasonChallenge), cmp.Or(chosen.Status, http.StatusOK)
		return chosen
	}
	refuse := func(reason Reason, err error) *Response {
		out.Reason, out.Err = string(reason), err
		closeAfter(w, r)
		return nil
	}
	reason := h.backlog.refuses()
	if reason != "" {
		return refuse(reason, nil)
	}
	if reason, err := h.intake.checkHead(r); reason != "" {
		return refuse(reason, err)
	}
	var receipt Receipt
	var err error
	if !h.bodyFirst { // an unauthenticated body is not worth reading
		if receipt, err = h.verified(ctx, request); err != nil {
			return refuse(ReasonOf(err), err)
		}
	}
	if request.Body, reason = h.intake.read(w, r); reason != "" {
		return refuse(reason, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	if h.bodyFirst {
		if receipt, err = VerifyRequest(ctx, h.verify, request); err != nil {
			out.Reason, out.Err = string(ReasonOf(err)), err
			return nil
		}
	}
	out.Scheme, out.KeyID, out.DeliveryID, out.Sender = receipt.Scheme, receipt.KeyID, receipt.ID, receipt.Sender
	d := &Delivery{Request: request, Receipt: receipt}
	h.process(ctx, d, out)
	return h.chosen(ctx, d, out)
}

func (h *Handler) challenged(ctx context.Context, r *Request) *Response {
	if h.challenge == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	return h.challenge(ctx, r)
}

func (h *Handler) verified(ctx context.Context, r *Request) (Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	return VerifyRequest(ctx, h.verify, r)
}

// chosen asks Respond. Its panic changes nothing of what was handled.
func (h *Handler) chosen(ctx context.Context, d *Delivery, out *identkit.DeliveryInfo) (chosen *Response) {
	out.Status = Reason(out.Reason).Status()
	if h.response == nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil && out.Err == nil {
			out.Err = newPanicError(p)
		}
	}()
	if chosen = h.response(ctx, d, *out); chosen != nil {
		out.Status = cmp.Or(chosen.Status, out.Status)
	}
	return chosen
}

// Response is what a vendor expects instead of an empty body.
type Response struct {
	Status      int    // zero means 200 for a challenge, and else what the delivery gets anyway
	ContentType string // empty means "text/plain; charset=utf-8"
	Body        []byte
}

// respond writes the whole response, so that the sender need not wait for observers.
func (h *Handler) respond(w http.ResponseWriter, reason Reason, status int, chosen *Response) {
	header := w.Header()
	switch {
	case status == http.StatusMethodNotAllowed:
		header.Set("Allow", strings.Join(h.intake.methods, ", "))
	case status == http.StatusUnauthorized && len(h.challenges) > 0:
		header["Www-Authenticate"] = slices.Clone(h.challenges)
	case reason == ReasonInProgress, reason == ReasonOverloaded:
		header.Set("Retry-After", "1")
	}
	var body []byte
	if chosen != nil {
		body = chosen.Body
		header.Set("Content-Type", cmp.Or(chosen.ContentType, "text/plain; charset=utf-8"))
		header.Set("X-Content-Type-Options", "nosniff") // a challenge repeats what anybody may have sent
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = w.Write(body) //nolint:gosec // plain text unless the team says otherwise, and never sniffed
	}
	_ = http.NewResponseController(w).Flush()
}
