package providertest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/transport"
)

// Provider is a provider whose clients are of type C and whose fakes are of type F.
type Provider[C any, F Fake] struct {
	// Catalog is what the provider's package says about itself.
	Catalog []identkit.OperationInfo
	// Operations is the same as data, for what the package does not say.
	Operations []transport.Operation
	// Fake makes a fake whose credentials are canaries.
	Fake func(c Canaries) F
	// Client makes a client of the fake, with changed options.
	Client func(f F, adjust func(*identkit.Options)) C
	// Configs are configurations of the fake's clients, which may not show what they hold.
	Configs func(f F) []any
	// Unmade is a client that no constructor made.
	Unmade C
	// Secrets make a client of the fake in which one secret of the configuration is another one.
	Secrets map[string]func(f F, s identkit.Secret) (C, error)
	// Failures are the error bodies of the provider, by status, that repeat a text of the request.
	Failures []func(echo string) (status int, body string)
	// Envelope is what a deployment may put around each successful response; nil: nothing.
	Envelope func(body string) string
	// Contradictions are successful responses that say something else at once; nil: there are none.
	Contradictions func(body string) []string
	// Calls hold at least one call for each operation.
	Calls []Call[C, F]
	// Known are rules that do not hold yet, with the reason: by name, such as "redirect", or for one call, such as
	// "powerauth.Operations.Create: redirect". One that does hold fails the test.
	Known map[string]string
}

// Fake is what all fakes have in common.
type Fake interface {
	Fault(rules ...identkittest.Rule)
	ClearFaults()
	Journal() *identkittest.Journal
	Transport() http.RoundTripper
	Start() error
	Close()
}

// Call is a call of an operation.
type Call[C any, F Fake] struct {
	// Operation is its name in the catalogue.
	Operation string
	// Variant tells calls of one operation apart; empty for the usual one.
	Variant string
	// Prepare brings a fake into the state in which the call succeeds, once. The secret and personal parts of the call's input are
	// canaries; with others it can be prepared again on the same fake.
	Prepare func(tb testing.TB, f F, c Canaries) Prepared[C]

	// IfNotProcessed says that the input narrows the operation's retry class.
	IfNotProcessed bool
	// SingleAttempt says that the call is not repeated unless its caller says so.
	SingleAttempt bool
	// Repeated are secrets of the input, by path such as ".OTP", that other parts of the input hold by their nature.
	Repeated []string
	// Response is the kind of its response, for operations that do not say it themselves.
	Response transport.ResponseBody
	// Local are fields of the result that do not come from the response.
	Local []string
	// EmptyObject says that {} is a result.
	EmptyObject bool
	// Verdicts are members of the response that must be there and boolean.
	Verdicts []string
	// Required are members, by path such as "items.0.id", that must be there and texts with something in them; lists and
	// objects must be there.
	Required []string
	// Repeats are members that repeat the input. Another value is another entity's response.
	Repeats []string
}

// Prepared is a call with its input.
type Prepared[C any] struct {
	// Input points to the input, a struct; nil when there is none.
	Input any
	// Do makes the call with the input as it then is. The result is nil for calls without one.
	Do func(ctx context.Context, client C, opts ...identkit.CallOption) (any, error)
	// Invalid are changes of the input that must be refused.
	Invalid []Invalid
}

// Invalid makes an input invalid.
type Invalid struct {
	Field  string // as the error names it
	Change func()
}

// Canaries makes the secret and personal texts of a call, 40 letters and digits each. An *identkittest.LeakCheck is one.
type Canaries interface {
	Secret(name string) identkit.Secret
	Personal(name string) string
	// Seed notes a personal text that is not for us to choose.
	Seed(name, text string)
}

// Texts are canaries for tests that look for none. Texts with another Run are others, so that a call can be prepared again on the
// same fake.
type Texts struct{ Run int }

// Secret returns a text that depends on the run and the name alone.
func (t Texts) Secret(name string) identkit.Secret { return identkit.Secret(t.Personal(name)) }

// Personal returns a text that depends on the run and the name alone.
func (t Texts) Personal(name string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", t.Run, name))
	return hex.EncodeToString(sum[:20])
}

// Seed does nothing.
func (Texts) Seed(string, string) {}

func (c *Call[C, F]) name() string {
	if c.Variant == "" {
		return c.Operation
	}
	return c.Operation + " " + c.Variant
}

// change is an Invalid before it is bound to an input.
type change[In any] struct {
	field string
	apply func(*In)
}

// bind makes a Prepared of an input and a method of the client.
func bind[C, In any](in In, do func(context.Context, C, In, []identkit.CallOption) (any, error), invalid ...change[In]) Prepared[C] {
	held := &in
	p := Prepared[C]{Input: held, Do: func(ctx context.Context, client C, opts ...identkit.CallOption) (any, error) {
		return do(ctx, client, *held, opts)
	}}
	for _, c := range invalid {
		p.Invalid = append(p.Invalid, Invalid{c.field, func() { c.apply(held) }})
	}
	return p
}

// plainly makes a Prepared of a method without input.
func plainly[C any](do func(context.Context, C, []identkit.CallOption) (any, error)) Prepared[C] {
	return Prepared[C]{Do: func(ctx context.Context, client C, opts ...identkit.CallOption) (any, error) {
		return do(ctx, client, opts)
	}}
}
