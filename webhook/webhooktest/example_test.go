package webhooktest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"testing"
	"time"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

const key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// newHooks stands for the program under test.
func newHooks(clock func() time.Time, handle func(ctx context.Context, e map[string]any) error) http.Handler {
	keys, err := webhook.NewKeyring(webhook.Key{Secret: key})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := webhook.NewHandler(webhook.Config[map[string]any]{Verify: verifier, Handle: handle, Clock: clock})
	if err != nil {
		log.Fatal(err)
	}
	return handler
}

// Testing your own handler against a sender that forges, retries and repeats.
func Example() {
	clock := identkittest.NewClock(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))
	fail := true
	runs := 0
	hooks := newHooks(clock.Now, func(context.Context, map[string]any) error {
		runs++
		if fail {
			fail = false
			return errors.New("database is down")
		}
		return nil
	})
	sender := &webhooktest.Sender{Handler: hooks, Sign: webhooktest.SignStandard(key), Clock: clock, Attempts: 5}
	report, err := sender.Send(context.Background(), webhooktest.Message{
		Body:   []byte(`{"type":"order.paid"}`),
		Faults: []webhooktest.Fault{webhooktest.FaultTampered, webhooktest.FaultExpired},
		Copies: 1,
	})
	fmt.Println(report.Statuses(), runs, err)
	// Output: [401 401 503 200 200] 2 <nil>
}

// The acceptance tests for your own store; the second result advances its time, or is nil.
func ExampleRunStoreTests() {
	_ = func(t *testing.T) { // func TestMyStore(t *testing.T)
		webhooktest.RunStoreTests(t, func(*testing.T) (webhook.Store, func(time.Duration)) {
			clock := identkittest.NewClock(time.Now())
			return webhook.NewMemoryStore(webhook.MemoryConfig{Clock: clock.Now}), func(d time.Duration) { clock.Advance(d) }
		})
	}
}

// The acceptance tests for your own verifier.
func ExampleRunVerifierTests() {
	var mine webhook.Verifier
	_ = func(t *testing.T) { // func TestMyVerifier(t *testing.T)
		webhooktest.RunVerifierTests(t, webhooktest.VerifierTest{
			Verifier: mine,
			Sign:     webhooktest.SignBearer("the right token"),
			Forge:    webhooktest.SignBearer("another token"),
		})
	}
}
