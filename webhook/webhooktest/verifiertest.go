package webhooktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
)

// VerifierTest describes a verifier for [RunVerifierTests]. Verifier and Sign are required.
type VerifierTest struct {
	Verifier webhook.Verifier
	// Sign makes an authentic delivery.
	Sign Signer
	// Forge signs in the right form with another key. Nil skips this rule.
	Forge Signer
	// Body is what is delivered. Nil means a small JSON object.
	Body []byte
	// Secrets must not show in errors.
	Secrets []identkit.Secret
	// Optional names headers, in canonical form, that the signer adds and the verifier does not need.
	Optional []string
}

// RunVerifierTests checks that a verifier accepts authentic deliveries and refuses all others: with each part that the
// signer adds missing, empty, repeated, too long, truncated and tampered; and, if the receipt has body and time signed, signed for
// other bodies and times. Errors must not hold the secrets or the valid signature.
func RunVerifierTests(t *testing.T, v VerifierTest) {
	t.Helper()
	if v.Body == nil {
		v.Body = []byte(`{"type":"test","data":{"n":1}}`)
	}
	good := v.request(t, v.Sign)
	receipt, err := webhook.VerifyRequest(context.Background(), v.Verifier, good)
	if err != nil {
		t.Fatalf("an authentic delivery is refused: %v", err)
	}
	if receipt.Scheme == "" {
		t.Error("the receipt has no scheme")
	}
	v.refuses(t, "no authentication", good, v.request(t, Unsigned()))
	if v.Forge != nil {
		v.refuses(t, "another key", good, v.request(t, v.Forge))
	}
	for _, p := range v.parts(t) {
		for _, fault := range faultsOfParts() {
			if p.String() == "path" && fault == FaultRepeated {
				continue
			}
			v.refuses(t, fmt.Sprintf("%s in %s", fault, p), good, v.request(t, v.signThen(p, fault)))
		}
	}
	if receipt.BodySigned {
		for _, fault := range []Fault{FaultOtherBody, FaultBodyPrefix} {
			v.refuses(t, string(fault), good, v.request(t, SignWithFault(v.Sign, fault)))
		}
		v.refuses(t, "empty body", good, withBody(good, nil))
	}
	if !receipt.Time.IsZero() {
		for _, fault := range []Fault{FaultExpired, FaultFuture} {
			v.refuses(t, string(fault), good, v.request(t, SignWithFault(v.Sign, fault)))
		}
	}
	t.Run("is safe for concurrent use", func(t *testing.T) {
		bad := v.request(t, Unsigned())
		if v.Forge != nil {
			bad = v.request(t, v.Forge)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					if _, err := webhook.VerifyRequest(context.Background(), v.Verifier, good); err != nil {
						t.Errorf("an authentic delivery is refused: %v", err)
					}
					if _, err := webhook.VerifyRequest(context.Background(), v.Verifier, bad); err == nil {
						t.Error("a forged delivery is accepted")
					}
				}
			})
		}
		all.Wait()
	})
}

func (v *VerifierTest) refuses(t *testing.T, rule string, good, bad *webhook.Request) {
	t.Helper()
	t.Run("refuses "+rule, func(t *testing.T) {
		receipt, err := webhook.VerifyRequest(context.Background(), v.Verifier, bad)
		if err == nil {
			t.Fatal("accepted")
		}
		var panicked *webhook.PanicError
		if errors.As(err, &panicked) {
			t.Fatalf("panics: %v", err)
		}
		if receipt != (webhook.Receipt{}) {
			t.Error("returns a receipt with the error")
		}
		text := fmt.Sprintf("%v %+v %#v", err, err, err)
		for _, s := range v.Secrets {
			if strings.Contains(text, s.Reveal()) {
				t.Error("the error holds a secret")
			}
		}
		for name, values := range good.Header {
			if len(values) > 0 && len(values[0]) >= 20 && strings.Contains(text, values[0]) {
				t.Errorf("the error holds the valid %s", name)
			}
		}
	})
}

// request makes a delivery in the form that verifiers get.
func (v *VerifierTest) request(t *testing.T, sign Signer) *webhook.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://example.test/hooks", bytes.NewReader(v.Body))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := sign(&Outgoing{Request: request, Body: v.Body, ID: "msg_1", Time: now}); err != nil {
		t.Fatalf("signing: %v", err)
	}
	r := webhook.NewRequest(request, v.Body)
	r.Time = now
	return r
}

func (v *VerifierTest) parts(t *testing.T) []part {
	t.Helper()
	var parts []part
	v.request(t, func(o *Outgoing) error {
		before := snapshot(o.Request)
		err := v.Sign(o)
		for _, p := range before.added(o.Request) {
			if !slices.Contains(v.Optional, p.header) {
				parts = append(parts, p)
			}
		}
		return err
	})
	return parts
}

func (v *VerifierTest) signThen(p part, fault Fault) Signer {
	return func(o *Outgoing) error {
		err := v.Sign(o)
		p.change(o.Request, fault)
		return err
	}
}

func withBody(r *webhook.Request, body []byte) *webhook.Request {
	other := *r
	other.Body = body
	return &other
}
