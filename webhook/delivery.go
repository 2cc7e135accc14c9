package webhook

import "context"

// Delivery is a verified delivery.
type Delivery struct {
	// Request is what came in. Its body belongs to the delivery and may be kept, but not changed.
	Request *Request
	// Receipt says what the verifier found.
	Receipt Receipt
	// Key is the key in the [Store] of the event that is being handled; empty elsewhere. It consists of [Config].Name, the sender and
	// a digest, and is safe to log.
	Key string
}

// DeliveryFrom returns the delivery that an event came with, from the context that Resolve and Handle of a [Config] get; nil from any
// other.
func DeliveryFrom(ctx context.Context) *Delivery {
	if ctx == nil {
		return nil
	}
	d, _ := ctx.Value(deliveryKey{}).(*Delivery)
	return d
}

type deliveryKey struct{}

// eventContext carries a delivery.
type eventContext struct {
	context.Context
	delivery Delivery
}

func withDelivery(ctx context.Context, d *Delivery, key string) context.Context {
	return &eventContext{ctx, Delivery{Request: d.Request, Receipt: d.Receipt, Key: key}}
}

func (c *eventContext) Value(key any) any {
	if key == (deliveryKey{}) {
		return &c.delivery
	}
	return c.Context.Value(key)
}

// GiveUp wraps an error for Handle or Resolve to return when trying again is useless and the sender need not know: the delivery gets
// 200 and is remembered as handled, and observers and logs get the error under [ReasonGivenUp]. GiveUp(nil) is nil.
func GiveUp(err error) error {
	if err == nil {
		return nil
	}
	return &givenUp{err}
}

type givenUp struct{ err error }

func (g *givenUp) Error() string { return "webhook: given up: " + g.err.Error() }
func (g *givenUp) Unwrap() error { return g.err }
