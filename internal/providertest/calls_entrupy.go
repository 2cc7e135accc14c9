package providertest

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
)

type entrupyCall = Call[*entrupy.Client, *entrupytest.Server]

// Entrupy is Entrupy.
func Entrupy() Provider[*entrupy.Client, *entrupytest.Server] {
	return Provider[*entrupy.Client, *entrupytest.Server]{
		Catalog: entrupy.Catalog(),
		Fake: func(c Canaries) *entrupytest.Server {
			return entrupytest.New(entrupytest.Options{Token: c.Secret("token")})
		},
		Client: func(f *entrupytest.Server, adjust func(*identkit.Options)) *entrupy.Client {
			return f.Client(func(cfg *entrupy.Config) {
				cfg.Options.Limiter = identkit.NoLimit
				adjust(&cfg.Options)
			})
		},
		Configs: func(f *entrupytest.Server) []any {
			cfg := f.Config()
			return []any{cfg, cfg.Credentials, f}
		},
		Unmade: new(entrupy.Client),
		Secrets: map[string]func(*entrupytest.Server, identkit.Secret) (*entrupy.Client, error){
			"token": func(f *entrupytest.Server, s identkit.Secret) (*entrupy.Client, error) {
				cfg := f.Config()
				cfg.Credentials = entrupy.Token(s)
				return entrupy.New(cfg)
			},
			"token from a source": func(f *entrupytest.Server, s identkit.Secret) (*entrupy.Client, error) {
				cfg := f.Config()
				cfg.Credentials = entrupy.TokenFrom(identkit.Static(s))
				return entrupy.New(cfg)
			},
		},
		Failures: []func(string) (int, string){
			func(echo string) (int, string) { return http.StatusBadRequest, `{"error":"` + echo + `"}` },
			func(echo string) (int, string) {
				return http.StatusUnprocessableEntity, `{"detail":[{"loc":["body","` + echo + `"],"msg":"` + echo + `","type":"x"}]}`
			},
			func(echo string) (int, string) {
				return http.StatusConflict, `{"signed_authorization_request":"` + echo + `","username":"` + echo + `"}`
			},
			func(echo string) (int, string) { return http.StatusUnauthorized, `"` + echo + `"` },
			func(echo string) (int, string) { return http.StatusServiceUnavailable, echo },
		},
		Calls: append(append(entrupyUserCalls(), entrupyAuthenticationCalls()...), entrupySetupCalls()...),
	}
}

// en prepares the fake.
type en struct {
	tb       testing.TB
	srv      *entrupytest.Server
	canaries Canaries
}

// onEntrupy is the Prepare of a call.
func onEntrupy(prepare func(p *en) Prepared[*entrupy.Client]) func(testing.TB, *entrupytest.Server, Canaries) Prepared[*entrupy.Client] {
	return func(tb testing.TB, srv *entrupytest.Server, c Canaries) Prepared[*entrupy.Client] {
		tb.Helper()
		return prepare(&en{tb, srv, c})
	}
}

func (p *en) item() entrupy.CustomerItemID {
	return entrupy.CustomerItemID(p.canaries.Personal("item"))
}

// authentic is the id of an item with a final result.
func (p *en) authentic() entrupy.ID {
	id := p.srv.Capture(entrupytest.Item{
		CustomerItemID: p.item(), Username: entrupy.Username(p.canaries.Personal("username")), TextFields: map[string]string{"note": p.canaries.Personal("note")},
	})
	require.NoError(p.tb, p.srv.Complete(id, entrupy.ResultAuthentic))
	p.canaries.Seed("id", string(id))
	return id
}

// subscribed is the id of a subscription.
func (p *en) subscribed() entrupy.WebhookID {
	p.srv.AddDomain("shop.example")
	return p.srv.Subscribe(entrupytest.Subscription{URL: p.address(), Secret: p.canaries.Secret("webhook secret")})
}

func (p *en) address() string { return "https://shop.example/" + p.canaries.Personal("hook") }

func entrupyUserCalls() []entrupyCall {
	return []entrupyCall{
		{
			Operation: "entrupy.Ping", Required: []string{"status"},
			Prepare: onEntrupy(func(*en) Prepared[*entrupy.Client] {
				return plainly(func(ctx context.Context, c *entrupy.Client, opts []identkit.CallOption) (any, error) {
					if err := c.Ping(ctx, opts...); err != nil {
						return nil, err
					}
					return struct{}{}, nil // the response is looked at
				})
			}),
		},
		{
			Operation: "entrupy.Users.Authorize", Required: []string{"signed_authorization_request", "username"},
			Prepare: onEntrupy(func(p *en) Prepared[*entrupy.Client] {
				return bind(entrupy.AuthorizeUserParams{
					SDKRequest: p.canaries.Secret("request"), UserID: entrupy.UserID(p.canaries.Personal("user")), Email: p.canaries.Personal("email"),
					FirstName: p.canaries.Personal("first name"), LastName: p.canaries.Personal("last name"),
				}, func(ctx context.Context, c *entrupy.Client, in entrupy.AuthorizeUserParams, opts []identkit.CallOption) (any, error) {
					return c.Users.Authorize(ctx, in, opts...)
				},
					change[entrupy.AuthorizeUserParams]{"sdk_authorization_request", func(in *entrupy.AuthorizeUserParams) { in.SDKRequest = "" }},
					change[entrupy.AuthorizeUserParams]{"unique_user_id", func(in *entrupy.AuthorizeUserParams) { in.UserID = "" }},
					change[entrupy.AuthorizeUserParams]{"unique_user_id", func(in *entrupy.AuthorizeUserParams) { in.UserID = "1234567" }},
					change[entrupy.AuthorizeUserParams]{"unique_user_id", func(in *entrupy.AuthorizeUserParams) { in.UserID = entrupy.UserID(strings.Repeat("x", 41)) }},
					change[entrupy.AuthorizeUserParams]{"unique_user_id", func(in *entrupy.AuthorizeUserParams) { in.UserID = "12345678\n" }},
					change[entrupy.AuthorizeUserParams]{"unique_user_id", func(in *entrupy.AuthorizeUserParams) { in.UserID = "1234/5678" }},
					change[entrupy.AuthorizeUserParams]{"email", func(in *entrupy.AuthorizeUserParams) { in.Email = "" }},
					change[entrupy.AuthorizeUserParams]{"email", func(in *entrupy.AuthorizeUserParams) { in.Email = " ada@example.org" }},
					change[entrupy.AuthorizeUserParams]{"first_name", func(in *entrupy.AuthorizeUserParams) { in.FirstName = "\xff" }},
					change[entrupy.AuthorizeUserParams]{"last_name", func(in *entrupy.AuthorizeUserParams) { in.LastName = "\xff" }},
				)
			}),
		},
	}
}

// Inputs of methods that take ids beside their parameters.
type (
	entrupyGetIn struct {
		ID entrupy.ID
		entrupy.GetParams
	}
	entrupyLookupIn struct {
		ID entrupy.CustomerItemID
		entrupy.GetParams
	}
	entrupyFlagIn struct {
		ID entrupy.ID
		entrupy.FlagParams
	}
	entrupyUpdateIn struct {
		ID entrupy.WebhookID
		entrupy.UpdateWebhookParams
	}
	entrupyWebhookIn struct{ ID entrupy.WebhookID }
)

func entrupyAuthenticationCalls() []entrupyCall {
	required := []string{"item", "item.entrupy_id", "item.status", "item.status.result", "item.status.result.id"}
	return []entrupyCall{
		{
			Operation: "entrupy.Authentications.Get", Required: required, Repeats: []string{"item.entrupy_id"},
			Prepare: onEntrupy(func(p *en) Prepared[*entrupy.Client] {
				return bind(entrupyGetIn{p.authentic(), entrupy.GetParams{Images: true, Catalog: true}},
					func(ctx context.Context, c *entrupy.Client, in entrupyGetIn, opts []identkit.CallOption) (any, error) {
						return c.Authentications.Get(ctx, in.ID, in.GetParams, opts...)
					},
					change[entrupyGetIn]{"entrupy_id", func(in *entrupyGetIn) { in.ID = "" }},
					change[entrupyGetIn]{"entrupy_id", func(in *entrupyGetIn) { in.ID = ".." }},
					change[entrupyGetIn]{"entrupy_id", func(in *entrupyGetIn) { in.ID = "\xff" }})
			}),
		},
		{
			Operation: "entrupy.Authentications.Lookup", Required: required, Repeats: []string{"item.properties.customer_item_id"},
			Prepare: onEntrupy(func(p *en) Prepared[*entrupy.Client] {
				p.authentic()
				return bind(entrupyLookupIn{p.item(), entrupy.GetParams{}},
					func(ctx context.Context, c *entrupy.Client, in entrupyLookupIn, opts []identkit.CallOption) (any, error) {
						return c.Authentications.Lookup(ctx, in.ID, in.GetParams, opts...)
					},
					change[entrupyLookupIn]{"lookup_value", func(in *entrupyLookupIn) { in.ID = "" }},
					change[entrupyLookupIn]{"lookup_value", func(in *entrupyLookupIn) { in.ID = "." }},
					change[entrupyLookupIn]{"lookup_value", func(in *entrupyLookupIn) { in.ID = "\xff" }})
			}),
		},
		{
			Operation: "entrupy.Authentications.Search", Required: []string{"items"}, Repeats: []string{"items.0.properties.customer_item_id"},
			Prepare: onEntrupy(func(p *en) Prepared[*entrupy.Client] {
				p.authentic()
				in := entrupy.SearchParams{Limit: 5, Filters: []entrupy.Filter{entrupy.ByCustomerItemID(p.item())}, From: time.Now().Add(-time.Hour)}
				return bind(in, func(ctx context.Context, c *entrupy.Client, in entrupy.SearchParams, opts []identkit.CallOption) (any, error) {
					return c.Authentications.Search(ctx, in, opts...)
				},
					change[entrupy.SearchParams]{"limit", func(in *entrupy.SearchParams) { in.Limit = 26 }},
					change[entrupy.SearchParams]{"limit", func(in *entrupy.SearchParams) { in.Limit = -1 }},
					change[entrupy.SearchParams]{"Cursor", func(in *entrupy.SearchParams) { in.Cursor = []byte("not JSON") }},
					change[entrupy.SearchParams]{"To", func(in *entrupy.SearchParams) { in.To = in.From.Add(-time.Second) }},
					change[entrupy.SearchParams]{"filters.key", func(in *entrupy.SearchParams) { in.Filters = []entrupy.Filter{{}} }},
					change[entrupy.SearchParams]{"filters.value", func(in *entrupy.SearchParams) { in.Filters = []entrupy.Filter{entrupy.ByCustomerItemID("")} }},
					change[entrupy.SearchParams]{"filters.values", func(in *entrupy.SearchParams) { in.Filters = []entrupy.Filter{entrupy.AnyOf(entrupy.KeyResult)} }},
					change[entrupy.SearchParams]{"filters", func(in *entrupy.SearchParams) { in.Filters = []entrupy.Filter{entrupy.RawFilter(map[string]any{})} }},
				)
			}),
		},
		{
			Operation: "entrupy.Authentications.Flag",
			Prepare: onEntrupy(func(p *en) Prepared[*entrupy.Client] {
				return bind(entrupyFlagIn{p.authentic(), entrupy.FlagParams{Reason: p.canaries.Personal("reason"), Comments: p.canaries.Personal("comments")}},
					func(ctx context.Context, c *entrupy.Client, in entrupyFlagIn, opts []identkit.CallOption) (any, error) {
						return nil, c.Authentications.Flag(ctx, in.ID, in.FlagParams, opts...)
					},
					change[entrupyFlagIn]{"entrupy_id", func(in *entrupyFlagIn) { in.ID = "" }},
					change[entrupyFlagIn]{"reason", func(in *entrupyFlagIn) { in.Reason = "" }},
					change[entrupyFlagIn]{"comments", func(in *entrupyFlagIn) { in.Comments = "\xff" }})
			}),
		},
	}
}

func entrupySetupCalls() []entrupyCall {
	return []entrupyCall{
		{
			Operation: "entrupy.Webhooks.Create", EmptyObject: true,
			Prepare: onEntrupy(func(p *en) Prepared[*entrupy.Client] {
				p.srv.AddDomain("shop.example")
				return bind(entrupy.CreateWebhookParams{APIVersion: "1.4", URL: p.address(), SecretKey: p.canaries.Secret("webhook secret")},
					func(ctx context.Context, c *entrupy.Client, in entrupy.CreateWebhookParams, opts []identkit.CallOption) (any, error) {
						return c.Webhooks.Create(ctx, in, opts...)
					},
					change[entrupy.CreateWebhookParams]{"APIVersion", func(in *entrupy.CreateWebhookParams) { in.APIVersion = "" }},
					change[entrupy.CreateWebhookParams]{"header Api-Version", func(in *entrupy.CreateWebhookParams) { in.APIVersion = "1.4\n" }},
					change[entrupy.CreateWebhookParams]{"url", func(in *entrupy.CreateWebhookParams) { in.URL = "" }},
					change[entrupy.CreateWebhookParams]{"url", func(in *entrupy.CreateWebhookParams) { in.URL = "/hook" }},
					change[entrupy.CreateWebhookParams]{"url", func(in *entrupy.CreateWebhookParams) { in.URL = "https://user:pass@shop.example/" }},
					change[entrupy.CreateWebhookParams]{"secret_key", func(in *entrupy.CreateWebhookParams) { in.SecretKey = "" }},
				)
			}),
		},
		{
			Operation: "entrupy.Webhooks.List", Required: []string{"items"},
			Prepare: onEntrupy(func(p *en) Prepared[*entrupy.Client] {
				p.subscribed()
				return plainly(func(ctx context.Context, c *entrupy.Client, opts []identkit.CallOption) (any, error) {
					return c.Webhooks.List(ctx, opts...)
				})
			}),
		},
		{
			Operation: "entrupy.Webhooks.Update",
			Prepare: onEntrupy(func(p *en) Prepared[*entrupy.Client] {
				return bind(entrupyUpdateIn{p.subscribed(), entrupy.UpdateWebhookParams{URL: p.address() + "2", SecretKey: p.canaries.Secret("next secret")}},
					func(ctx context.Context, c *entrupy.Client, in entrupyUpdateIn, opts []identkit.CallOption) (any, error) {
						return nil, c.Webhooks.Update(ctx, in.ID, in.UpdateWebhookParams, opts...)
					},
					change[entrupyUpdateIn]{"webhook_id", func(in *entrupyUpdateIn) { in.ID = "" }},
					change[entrupyUpdateIn]{"url", func(in *entrupyUpdateIn) { in.UpdateWebhookParams = entrupy.UpdateWebhookParams{} }},
					change[entrupyUpdateIn]{"url", func(in *entrupyUpdateIn) { in.URL = "shop.example" }},
					change[entrupyUpdateIn]{"secret_key", func(in *entrupyUpdateIn) { in.SecretKey = "secret\n" }})
			}),
		},
		{
			Operation: "entrupy.Webhooks.Delete",
			Prepare: onEntrupy(func(p *en) Prepared[*entrupy.Client] {
				return bind(entrupyWebhookIn{p.subscribed()}, func(ctx context.Context, c *entrupy.Client, in entrupyWebhookIn, opts []identkit.CallOption) (any, error) {
					return nil, c.Webhooks.Delete(ctx, in.ID, opts...)
				}, change[entrupyWebhookIn]{"webhook_id", func(in *entrupyWebhookIn) { in.ID = "" }})
			}),
		},
		{
			Operation: "entrupy.Domains.Search", Required: []string{"items"},
			Prepare: onEntrupy(func(p *en) Prepared[*entrupy.Client] {
				for i := range 3 {
					p.srv.AddDomain("shop" + strconv.Itoa(i) + ".example")
				}
				return bind(entrupy.SearchDomainsParams{Limit: 2}, func(ctx context.Context, c *entrupy.Client, in entrupy.SearchDomainsParams, opts []identkit.CallOption) (any, error) {
					return c.Domains.Search(ctx, in, opts...)
				}, change[entrupy.SearchDomainsParams]{"limit", func(in *entrupy.SearchDomainsParams) { in.Limit = 26 }})
			}),
		},
		{
			Operation: "entrupy.Configuration.Get", Required: []string{"config", "config.brands"},
			Prepare: onEntrupy(func(*en) Prepared[*entrupy.Client] {
				return bind(entrupy.GetConfigurationParams{Language: "ja"}, func(ctx context.Context, c *entrupy.Client, in entrupy.GetConfigurationParams, opts []identkit.CallOption) (any, error) {
					return c.Configuration.Get(ctx, in, append(opts, identkit.WithAttempts(0))...) // with an option it is not kept
				}, change[entrupy.GetConfigurationParams]{"header Accept-Language", func(in *entrupy.GetConfigurationParams) { in.Language = "日本語" }})
			}),
		},
		{
			Operation: "entrupy.Brands.List", Required: []string{"brands"},
			Prepare: onEntrupy(func(*en) Prepared[*entrupy.Client] {
				return plainly(func(ctx context.Context, c *entrupy.Client, opts []identkit.CallOption) (any, error) {
					return c.Brands.List(ctx, opts...)
				})
			}),
		},
	}
}
