package entrupytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/internal/fakeserver"
)

// DeliveryTarget is the name of a delivery in fault rules:
//
//	srv.Fault(identkittest.On(entrupytest.DeliveryTarget).Nth(2).DuplicateDelivery())
//
// What it can do is DuplicateDelivery (sent again), Reorder (sent after the one that follows), Refuse and Reset (never received),
// LoseResponse (received, and counts as failed) and everything that responds in place of the receiver, such as Status.
const DeliveryTarget = "entrupy.Webhooks.Deliver"

// The documented events.
const (
	EventSessionCompleted    = "session.completed"
	EventSupportMessage      = "support.message"
	EventCertificateTransfer = "certificate.transfer"
)

// receiver is where the deliveries of a subscription go.
func (s *Server) receiver(w *subscription) *fakeserver.Receiver {
	r := &fakeserver.Receiver{
		URL: w.URL, Handler: w.Handler, Attempts: s.opts.DeliveryAttempts,
		Backoff: func(n int) time.Duration { return s.opts.DeliveryBackoff << min(n-1, 10) },
		Sign:    Sign(w.Secret, s.opts.Dialect.Signature),
	}
	if r.Handler == nil {
		r.Handler = s.opts.DeliveryHandler
	}
	return r
}

// deliver queues the deliveries about an item for all subscriptions: 1.4 announces what is created or changed, v2 what is completed. It is
// called with the lock held.
func (s *Server) deliver(it *Item) {
	for _, w := range s.webhooks {
		if w.Channel == entrupy.ChannelAuthentications && (w.is14() || it.Result.Final) {
			s.send(w, EventSessionCompleted, []*Item{it})
		}
	}
}

func (w *subscription) is14() bool { return strings.HasPrefix(w.APIVersion, "1.") }

// DeliverItems queues one delivery with several items, as they are now, for every subscription.
func (s *Server) DeliverItems(ids ...entrupy.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items []*Item
	for _, id := range ids {
		it := s.find(id)
		if it == nil {
			return fmt.Errorf("entrupytest: no item %q", id)
		}
		items = append(items, it)
	}
	for _, w := range s.webhooks {
		s.send(w, EventSessionCompleted, items)
	}
	return nil
}

// DeliverEvent queues a delivery of an event that is about no authentication, such as EventSupportMessage, for every subscription.
func (s *Server) DeliverEvent(event string, data any) error {
	return s.deliverJSON(object{"event": event, "data": data})
}

// DeliverBody queues a delivery of any JSON for every subscription, signed as all are.
func (s *Server) DeliverBody(body json.RawMessage) error { return s.deliverJSON(body) }

func (s *Server) deliverJSON(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("entrupytest: delivery: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.webhooks {
		s.queue(w, body)
	}
	return nil
}

// send queues a delivery of items in the format and the envelope of a subscription.
func (s *Server) send(w *subscription, event string, items []*Item) {
	shown := make([]any, len(items))
	for i, it := range items {
		if w.is14() {
			shown[i] = s.v14(it)
		} else {
			shown[i] = s.v2(it, false, false)
		}
	}
	var one any = shown
	if len(shown) == 1 {
		one = shown[0]
	}
	body := object{"items": shown}
	switch s.opts.Dialect.Envelope {
	case EnvelopeItem:
		if len(shown) == 1 {
			body = object{"item": one}
		}
	case EnvelopeEvent:
		body = object{"event": event, "data": one}
	case EnvelopeType:
		body = object{"type": event, "payload": one}
	case EnvelopeEventType:
		body = object{"event_type": event, "item": one}
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic("entrupytest: delivery: " + err.Error())
	}
	s.queue(w, b)
}

func (s *Server) queue(w *subscription, body []byte) {
	s.engine.Send(fakeserver.Outgoing{
		To:     w.to,
		Body:   func(int) []byte { return body },
		Header: func(string) http.Header { return http.Header{"Content-Type": {"application/json"}} },
	})
}
