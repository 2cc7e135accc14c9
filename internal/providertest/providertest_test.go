package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/internal/transport"
)

// The provider under test has one operation.
type (
	subjectID string
	checkIn   struct {
		ID   subjectID
		Code identkit.Secret
	}
	checked struct {
		identkit.Raw `json:"-"`

		ID     subjectID `json:"id"`
		Passed bool      `json:"passed"`
		Names  []string  `json:"names"`
	}
	checker struct{ client *transport.Client }
)

type checkOp = transport.Op[checkIn, checked]

func (in *checkIn) request(r *transport.Request) {
	r.Path("id", string(in.ID))
	r.Text("code", in.Code.Reveal(), 40)
	r.JSON(map[string]any{"code": in.Code})
}

func (out *checked) check() error {
	if out.ID == "" {
		return transport.Missing("id")
	}
	return nil
}

func sameSubject(in *checkIn, out *checked) error { return transport.Same("id", in.ID, out.ID) }

// example is a provider as it must be, with one thing changed.
type example struct {
	op     checkOp
	config transport.Config
	auth   func(identkit.Secret) transport.Authorizer
	do     func(context.Context, checker, checkIn, []identkit.CallOption) (any, error)
	call   Call[checker, *identkittest.Server]
}

func newExample() *example {
	e := &example{
		op: checkOp{
			Name: "example.Check", Method: http.MethodPost, Path: "/subjects/{id}/check", Verdicts: []string{"passed"},
			Request: (*checkIn).request, Check: (*checked).check, Same: sameSubject, AfterLoss: "ask for another code",
		},
		auth: func(s identkit.Secret) transport.Authorizer { return transport.Header("X-Key", "", identkit.Static(s)) },
		call: Call[checker, *identkittest.Server]{
			Operation: "example.Check", Verdicts: []string{"passed"}, Required: []string{"id"}, Repeats: []string{"id"},
		},
	}
	e.do = func(ctx context.Context, c checker, in checkIn, opts []identkit.CallOption) (any, error) {
		return e.op.Do(ctx, c.client, in, opts)
	}
	return e
}

func (e *example) provider() Provider[checker, *identkittest.Server] {
	const key = "kkkkkkkkkkkkkkkkkkkk"
	ops := []transport.Operation{&e.op}
	client := func(f *identkittest.Server, s identkit.Secret, adjust func(*identkit.Options)) checker {
		cfg := e.config
		cfg.Provider, cfg.BaseURL, cfg.Operations, cfg.Auth = "example", f.URL(), ops, e.auth(s)
		cfg.Options.HTTPClient = &http.Client{Transport: f.Transport()}
		adjust(&cfg.Options)
		return checker{transport.New(cfg, new(transport.Check))}
	}
	call := e.call
	call.Prepare = func(_ testing.TB, _ *identkittest.Server, c Canaries) Prepared[checker] {
		return bind(checkIn{subjectID(c.Personal("subject")), c.Secret("code")}, e.do,
			change[checkIn]{"id", func(in *checkIn) { in.ID = "" }}, change[checkIn]{"code", func(in *checkIn) { in.Code = "" }})
	}
	return Provider[checker, *identkittest.Server]{
		Catalog: transport.Catalog(ops), Operations: ops,
		Fake: func(Canaries) *identkittest.Server {
			engine := fakeserver.New(fakeserver.Config{Name: "example"})
			engine.Register(transport.Catalog(ops), map[string]func(*fakeserver.Call){"example.Check": func(c *fakeserver.Call) {
				c.JSON(http.StatusOK, map[string]any{"id": c.PathValue("id"), "passed": true, "names": []string{"a"}})
			}})
			return engine.Server
		},
		Client:  func(f *identkittest.Server, adjust func(*identkit.Options)) checker { return client(f, key, adjust) },
		Configs: func(*identkittest.Server) []any { return nil },
		Secrets: map[string]func(*identkittest.Server, identkit.Secret) (checker, error){
			"key": func(f *identkittest.Server, s identkit.Secret) (checker, error) {
				return client(f, s, func(*identkit.Options) {}), nil
			},
		},
		Failures: []func(string) (int, string){func(echo string) (int, string) { return 400, `{"message":"` + echo + `"}` }},
		Calls:    []Call[checker, *identkittest.Server]{call},
	}
}

func TestAProviderAsItMustBePasses(t *testing.T) {
	t.Parallel()
	Run(t, newExample().provider())
}

// Each seeded fault breaks the rules named, and no others: a rule that holds in spite of its note fails the run.
func TestSeededFaultsAreFound(t *testing.T) {
	t.Parallel()
	var safe []string
	for _, f := range faults {
		if f.retry == whenSafe {
			safe = append(safe, f.name, f.name+", then a response")
		}
	}
	for _, p := range protocols {
		safe = append(safe, onceRule(p))
	}
	for name, seeded := range map[string]struct {
		seed  func(*example)
		rules []string
	}{
		"verdict not declared": {func(e *example) { e.op.Verdicts = nil }, []string{"verdicts", "letter case of names"}},
		"id not checked": {func(e *example) { e.op.Check, e.op.Same = nil, nil },
			[]string{"required members", "letter case of names", "another entity"}},
		"another subject's response": {func(e *example) { e.op.Same = nil }, []string{"another entity"}},
		"too generous a class":       {func(e *example) { e.op.Retry, e.call.IfNotProcessed = identkit.RetrySafe, true }, safe},
		"input not checked": {func(e *example) {
			e.op.Request = func(in *checkIn, r *transport.Request) {
				r.Path("id", string(in.ID))
				r.JSON(map[string]any{"code": in.Code})
			}
		}, []string{"invalid input"}},
		"mask in the query": {func(e *example) {
			e.op.Request = func(in *checkIn, r *transport.Request) {
				in.request(r)
				r.Body = transport.Body{}
				r.AddQuery("code", in.Code.Reveal())
			}
		}, []string{"masked input"}},
		"unusable key": {func(e *example) { e.auth = func(s identkit.Secret) transport.Authorizer { return careless{s} } }, []string{"unusable key"}},
		"response in the error": {func(e *example) {
			e.op.Check = func(out *checked) error {
				if len(out.Names) != 1 || out.Names[0] != "a" {
					return transport.Contradiction("no such name: " + out.Names[0])
				}
				return out.check()
			}
		}, []string{"leaks"}},
		"secret in the cause": {func(e *example) {
			do := e.do
			e.do = func(ctx context.Context, c checker, in checkIn, opts []identkit.CallOption) (any, error) {
				got, err := do(ctx, c, in, opts)
				var failed *identkit.Error
				if errors.As(err, &failed) {
					failed.Err = errors.Join(failed.Err, errors.New(in.Code.Reveal()))
				}
				return got, err
			}
		}, []string{"leaks"}},
		"a body read by other rules": {func(e *example) {
			e.config.Unwrap = func(body []byte) ([]byte, error) {
				var v map[string]any
				if err := json.Unmarshal(body, &v); err != nil {
					return nil, err
				}
				return json.Marshal(v)
			}
		}, []string{"duplicate members", "bytes that are not UTF-8", "byte order mark"}},
		"no client": {func(e *example) {
			do := e.do
			e.do = func(ctx context.Context, c checker, in checkIn, opts []identkit.CallOption) (any, error) {
				_ = *c.client
				return do(ctx, c, in, opts)
			}
		}, []string{"client that no constructor made"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExample()
			seeded.seed(e)
			p := e.provider()
			p.Known = map[string]string{}
			for _, rule := range seeded.rules {
				p.Known[rule] = "seeded"
			}
			Run(t, p)
		})
	}
}

// careless sends a secret without a look at it.
type careless struct{ secret identkit.Secret }

func (a careless) Authorize(_ context.Context, out *transport.Outgoing) error {
	out.Header["X-Key"] = []string{a.secret.Reveal()}
	return nil
}

func (careless) Renew(context.Context, string, *identkit.Error) bool { return false }

func TestBodiesAreEdited(t *testing.T) {
	t.Parallel()
	const body = `{"a":1,"list":[{"id":"x"},{}],"map":{"b":null}}`
	assert.Equal(t, body, parse(" "+body).String())
	assert.Equal(t, `{"a":1,"list":[{"id":2},{}],"map":{"b":null}}`, edit(body, "list.0.id", with("2")))
	assert.Equal(t, `{"a":1,"list":[{"id":"x"},{}],"map":{}}`, edit(body, "map.b", remove))
	assert.Empty(t, edit(body, "list.2.id", remove))
	assert.Empty(t, edit(body, "list.1.id", remove))
	assert.Equal(t, []string{
		`{"a":1,"list":[{"id":"x"},{}],"map":{"b":null},"a":1}`, `{"a":1,"list":[{"id":"x"},{}],"map":{"b":null},"list":[{"id":"x"},{}]}`,
		`{"a":1,"list":[{"id":"x"},{}],"map":{"b":null},"map":{"b":null}}`, `{"a":1,"list":[{"id":"x","id":"x"},{}],"map":{"b":null}}`,
		`{"a":1,"list":[{"id":"x"},{}],"map":{"b":null,"b":null}}`,
	}, everyMember(body, (*node).all, duplicate))
}

func TestInputIsChangedForAWhile(t *testing.T) {
	t.Parallel()
	type inner struct{ Code identkit.Secret }
	in := struct {
		P *inner
		L []inner
		M map[string]identkit.Secret
	}{&inner{"one"}, []inner{{"two"}}, map[string]identkit.Secret{"k": "three"}}
	assert.Equal(t, map[string]identkit.Secret{".P.Code": "one", ".L.0.Code": "two", ".M.k": "three"}, secretsOf(&in))
	for path := range secretsOf(&in) {
		before := plain(in)
		changed(&in, func() { setText(&in, path, "changed") }, func() {
			assert.Equal(t, identkit.Secret("changed"), secretsOf(&in)[path])
		})
		assert.Equal(t, before, plain(in), path)
	}
}
