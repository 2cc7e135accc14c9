package providertest

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

type iproovCall = Call[*iproov.Client, *iproovtest.Server]

// IProov is iProov.
func IProov() Provider[*iproov.Client, *iproovtest.Server] {
	with := func(change func(*iproov.Config, *iproovtest.Server, identkit.Secret)) func(*iproovtest.Server, identkit.Secret) (*iproov.Client, error) {
		return func(f *iproovtest.Server, s identkit.Secret) (*iproov.Client, error) {
			cfg := f.Config()
			change(&cfg, f, s)
			return iproov.New(cfg)
		}
	}
	return Provider[*iproov.Client, *iproovtest.Server]{
		Catalog: iproov.Catalog(),
		Fake: func(c Canaries) *iproovtest.Server {
			return iproovtest.New(iproovtest.Options{
				APIKey: c.Secret("api key"), Secret: c.Secret("secret"), OAuthUsername: c.Personal("oauth user"), OAuthPassword: c.Secret("oauth password"),
			})
		},
		Client: func(f *iproovtest.Server, adjust func(*identkit.Options)) *iproov.Client {
			return f.Client(func(cfg *iproov.Config) { adjust(&cfg.Options) })
		},
		Configs: func(f *iproovtest.Server) []any {
			cfg := f.Config()
			return []any{cfg, cfg.Credentials, cfg.OAuth, f}
		},
		Unmade: new(iproov.Client),
		Secrets: map[string]func(*iproovtest.Server, identkit.Secret) (*iproov.Client, error){
			"API key": with(func(cfg *iproov.Config, f *iproovtest.Server, s identkit.Secret) {
				_, secret := f.Keys()
				cfg.Credentials = iproov.Keys(s, secret)
			}),
			"secret": with(func(cfg *iproov.Config, f *iproovtest.Server, s identkit.Secret) {
				key, _ := f.Keys()
				cfg.Credentials = iproov.Keys(key, s)
			}),
			"OAuth password": with(func(cfg *iproov.Config, f *iproovtest.Server, s identkit.Secret) {
				user, _ := f.OAuthUser()
				cfg.OAuth = iproov.OAuthUser(user, s)
			}),
		},
		Failures: []func(string) (int, string){
			func(echo string) (int, string) {
				return http.StatusBadRequest, `{"error":"invalid_token","error_description":"` + echo + `","token":"` + echo + `"}`
			},
			func(echo string) (int, string) {
				return http.StatusUnauthorized, `{"error":"invalid_key","error_description":"` + echo + `"}`
			},
			func(echo string) (int, string) {
				return http.StatusInternalServerError, `{"error":"server_error","error_description":["` + echo + `"]}`
			},
			func(echo string) (int, string) { return http.StatusServiceUnavailable, echo },
		},
		Calls: append(iproovClaimCalls(), iproovUserCalls()...),
	}
}

// ip prepares the fake.
type ip struct {
	tb       testing.TB
	srv      *iproovtest.Server
	client   *iproov.Client
	canaries Canaries
	user     iproov.UserID
}

// onIProov is the Prepare of a call.
func onIProov(prepare func(p *ip) Prepared[*iproov.Client]) func(testing.TB, *iproovtest.Server, Canaries) Prepared[*iproov.Client] {
	return func(tb testing.TB, srv *iproovtest.Server, c Canaries) Prepared[*iproov.Client] {
		tb.Helper()
		return prepare(&ip{tb, srv, srv.Client(), c, iproov.UserID(c.Personal("user"))})
	}
}

func (p *ip) claiming() iproov.CreateTokenParams {
	return iproov.CreateTokenParams{UserID: p.user, Resource: p.canaries.Personal("resource"), Client: p.canaries.Personal("device")}
}

// enrolling is a claim of a user who is not known.
func (p *ip) enrolling() iproov.ClaimToken {
	claim, err := p.client.Enrol.CreateToken(p.tb.Context(), p.claiming())
	require.NoError(p.tb, err)
	p.canaries.Seed("claim", string(claim.Token))
	return claim.Token
}

// verifying is a claim of a user who is known.
func (p *ip) verifying() iproov.ClaimToken {
	p.srv.AddUser(p.user, iproov.UserActive)
	claim, err := p.client.Verify.CreateToken(p.tb.Context(), p.claiming())
	require.NoError(p.tb, err)
	p.canaries.Seed("claim", string(claim.Token))
	return claim.Token
}

// scanned is a claim whose scan passed.
func (p *ip) scanned(token iproov.ClaimToken) iproov.ValidateParams {
	require.NoError(p.tb, p.srv.Complete(token, iproovtest.Outcome{Passed: true, Frame: []byte("frame")}))
	return iproov.ValidateParams{Token: token, UserID: p.user, Client: p.canaries.Personal("device")}
}

type invalidateIn struct {
	Token  iproov.ClaimToken
	Reason string
}

var invalidClaims = []change[iproov.CreateTokenParams]{
	{"user_id", func(in *iproov.CreateTokenParams) { in.UserID = "" }},
	{"user_id", func(in *iproov.CreateTokenParams) { in.UserID = "a/b" }},
	{"user_id", func(in *iproov.CreateTokenParams) { in.UserID = ".." }},
	{"user_id", func(in *iproov.CreateTokenParams) { in.UserID = iproov.UserID(strings.Repeat("x", 257)) }},
	{"resource", func(in *iproov.CreateTokenParams) { in.Resource = "" }},
	{"assurance_type", func(in *iproov.CreateTokenParams) { in.AssuranceType = "none" }},
	{"risk_profile", func(in *iproov.CreateTokenParams) { in.RiskProfile = "a b" }},
	{"client", func(in *iproov.CreateTokenParams) { in.Client = "\xff" }},
}

func iproovClaimCalls() []iproovCall {
	return []iproovCall{
		{
			Operation: "iproov.Enrol.CreateToken", Local: []string{"StartBefore"}, Required: []string{"token"}, Repeats: []string{"user_id"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] {
				return bind(p.claiming(), func(ctx context.Context, c *iproov.Client, in iproov.CreateTokenParams, opts []identkit.CallOption) (any, error) {
					return c.Enrol.CreateToken(ctx, in, opts...)
				}, invalidClaims...)
			}),
		},
		{
			Operation: "iproov.Enrol.Image", Verdicts: []string{"success"}, Required: []string{"token"}, Repeats: []string{"token", "user_id"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] {
				photo := append([]byte("\xff\xd8\xff\xe0"), p.canaries.Personal("photo")...)
				return bind(iproov.EnrolImageParams{Token: p.enrolling(), UserID: p.user, Source: iproov.SourceSelfie, Image: bytes.NewReader(photo)},
					func(ctx context.Context, c *iproov.Client, in iproov.EnrolImageParams, opts []identkit.CallOption) (any, error) {
						return c.Enrol.Image(ctx, in, opts...)
					},
					change[iproov.EnrolImageParams]{"token", func(in *iproov.EnrolImageParams) { in.Token = "" }},
					change[iproov.EnrolImageParams]{"user_id", func(in *iproov.EnrolImageParams) { in.UserID = "a b" }},
					change[iproov.EnrolImageParams]{"source", func(in *iproov.EnrolImageParams) { in.Source = "" }},
					change[iproov.EnrolImageParams]{"image", func(in *iproov.EnrolImageParams) { in.Image = nil }},
					change[iproov.EnrolImageParams]{"image", func(in *iproov.EnrolImageParams) { in.Image = strings.NewReader("") }},
					change[iproov.EnrolImageParams]{"image", func(in *iproov.EnrolImageParams) { in.Image = strings.NewReader("GIF89a") }},
					change[iproov.EnrolImageParams]{"image", func(in *iproov.EnrolImageParams) { in.Size = 3 }},
				)
			}),
		},
		{
			Operation: "iproov.Enrol.Validate", Verdicts: []string{"passed"}, Required: []string{"token"}, Repeats: []string{"token"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] {
				return bind(iproov.ValidateEnrolmentParams{ValidateParams: p.scanned(p.enrolling()), LeaveSuspended: true},
					func(ctx context.Context, c *iproov.Client, in iproov.ValidateEnrolmentParams, opts []identkit.CallOption) (any, error) {
						return c.Enrol.Validate(ctx, in, opts...)
					},
					change[iproov.ValidateEnrolmentParams]{"token", func(in *iproov.ValidateEnrolmentParams) { in.Token = "" }},
					change[iproov.ValidateEnrolmentParams]{"user_id", func(in *iproov.ValidateEnrolmentParams) { in.UserID = "" }},
					change[iproov.ValidateEnrolmentParams]{"client", func(in *iproov.ValidateEnrolmentParams) { in.Client = "" }},
					change[iproov.ValidateEnrolmentParams]{"risk_profile", func(in *iproov.ValidateEnrolmentParams) { in.RiskProfile = strings.Repeat("x", 101) }})
			}),
		},
		{
			Operation: "iproov.Verify.CreateToken", Local: []string{"StartBefore"}, Required: []string{"token"}, Repeats: []string{"user_id"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] {
				p.srv.AddUser(p.user, iproov.UserActive)
				return bind(p.claiming(), func(ctx context.Context, c *iproov.Client, in iproov.CreateTokenParams, opts []identkit.CallOption) (any, error) {
					return c.Verify.CreateToken(ctx, in, opts...)
				}, invalidClaims...)
			}),
		},
		{
			Operation: "iproov.Verify.Validate", Verdicts: []string{"passed"}, Required: []string{"token"}, Repeats: []string{"token"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] {
				return bind(p.scanned(p.verifying()),
					func(ctx context.Context, c *iproov.Client, in iproov.ValidateParams, opts []identkit.CallOption) (any, error) {
						return c.Verify.Validate(ctx, in, opts...)
					},
					change[iproov.ValidateParams]{"token", func(in *iproov.ValidateParams) { in.Token = "" }},
					change[iproov.ValidateParams]{"user_id", func(in *iproov.ValidateParams) { in.UserID = "" }},
					change[iproov.ValidateParams]{"client", func(in *iproov.ValidateParams) { in.Client = "" }},
					change[iproov.ValidateParams]{"risk_profile", func(in *iproov.ValidateParams) { in.RiskProfile = "é" }})
			}),
		},
		{
			Operation: "iproov.Claims.Invalidate", Verdicts: []string{"claim_aborted", "user_informed"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] {
				return bind(invalidateIn{p.verifying(), p.canaries.Personal("reason")},
					func(ctx context.Context, c *iproov.Client, in invalidateIn, opts []identkit.CallOption) (any, error) {
						return c.Claims.Invalidate(ctx, in.Token, in.Reason, opts...)
					},
					change[invalidateIn]{"token", func(in *invalidateIn) { in.Token = "" }},
					change[invalidateIn]{"reason", func(in *invalidateIn) { in.Reason = "" }},
					change[invalidateIn]{"reason", func(in *invalidateIn) { in.Reason = "no!" }},
					change[invalidateIn]{"reason", func(in *invalidateIn) { in.Reason = strings.Repeat("x", 801) }})
			}),
		},
		{
			Operation: "iproov.AccessToken", Required: []string{"access_token"},
			Prepare: onIProov(func(*ip) Prepared[*iproov.Client] {
				return plainly(func(ctx context.Context, c *iproov.Client, opts []identkit.CallOption) (any, error) {
					return c.AccessToken(ctx, opts...)
				})
			}),
		},
		{
			Operation: "iproov.Availability", Verdicts: []string{"up"},
			Prepare: onIProov(func(*ip) Prepared[*iproov.Client] {
				return plainly(func(ctx context.Context, c *iproov.Client, opts []identkit.CallOption) (any, error) {
					return c.Availability(ctx, opts...)
				})
			}),
		},
	}
}

// Inputs of methods that take ids and little else.
type (
	iproovUserIn   struct{ ID iproov.UserID }
	iproovUpdateIn struct {
		ID iproov.UserID
		iproov.UpdateUserParams
	}
	iproovStatusIn struct {
		ID   iproov.UserID
		From time.Time
	}
)

func iproovUserCalls() []iproovCall {
	identified := []string{"user_id", "status"}
	noUser := []change[iproovUserIn]{
		{"user_id", func(in *iproovUserIn) { in.ID = "" }}, {"user_id", func(in *iproovUserIn) { in.ID = ".." }}, {"user_id", func(in *iproovUserIn) { in.ID = "a/b" }},
	}
	known := func(p *ip) iproov.UserID {
		p.srv.AddUser(p.user, iproov.UserActive)
		return p.user
	}
	update := func(p *ip, to iproov.UserID) Prepared[*iproov.Client] {
		return bind(iproovUpdateIn{known(p), iproov.UpdateUserParams{UserID: to, Name: p.canaries.Personal("name")}},
			func(ctx context.Context, c *iproov.Client, in iproovUpdateIn, opts []identkit.CallOption) (any, error) {
				return c.Users.Update(ctx, in.ID, in.UpdateUserParams, opts...)
			},
			change[iproovUpdateIn]{"user_id", func(in *iproovUpdateIn) { in.ID = "." }},
			change[iproovUpdateIn]{"user_id", func(in *iproovUpdateIn) { in.UserID = "a b" }},
			change[iproovUpdateIn]{"user_id", func(in *iproovUpdateIn) { in.UpdateUserParams = iproov.UpdateUserParams{} }},
			change[iproovUpdateIn]{"name", func(in *iproovUpdateIn) { in.Name = "\xff" }})
	}
	status := func(p *ip, change func(context.Context, *iproov.Client, iproovStatusIn, []identkit.CallOption) (any, error)) Prepared[*iproov.Client] {
		return bind(iproovStatusIn{known(p), time.Now()}, change, invalidStatus...)
	}
	return []iproovCall{
		{
			Operation: "iproov.Users.Get", Required: identified, Repeats: []string{"user_id"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] {
				return bind(iproovUserIn{known(p)}, func(ctx context.Context, c *iproov.Client, in iproovUserIn, opts []identkit.CallOption) (any, error) {
					return c.Users.Get(ctx, in.ID, opts...)
				}, noUser...)
			}),
		},
		{
			Operation: "iproov.Users.Update", Required: identified, Repeats: []string{"user_id"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] { return update(p, "") }),
		},
		{
			Operation: "iproov.Users.Update", Variant: "with another id", IfNotProcessed: true, Required: identified, Repeats: []string{"user_id"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] { return update(p, iproov.UserID(p.canaries.Personal("new user"))) }),
		},
		{
			Operation: "iproov.Users.Delete", Required: identified, Repeats: []string{"user_id"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] {
				return bind(iproovUserIn{known(p)}, func(ctx context.Context, c *iproov.Client, in iproovUserIn, opts []identkit.CallOption) (any, error) {
					return c.Users.Delete(ctx, in.ID, opts...)
				}, noUser...)
			}),
		},
		{
			Operation: "iproov.Users.Activate", Required: identified, Repeats: []string{"user_id"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] {
				return status(p, func(ctx context.Context, c *iproov.Client, in iproovStatusIn, opts []identkit.CallOption) (any, error) {
					return c.Users.Activate(ctx, in.ID, in.From, opts...)
				})
			}),
		},
		{
			Operation: "iproov.Users.Suspend", Required: identified, Repeats: []string{"user_id"},
			Prepare: onIProov(func(p *ip) Prepared[*iproov.Client] {
				return status(p, func(ctx context.Context, c *iproov.Client, in iproovStatusIn, opts []identkit.CallOption) (any, error) {
					return c.Users.Suspend(ctx, in.ID, in.From, opts...)
				})
			}),
		},
	}
}

var invalidStatus = []change[iproovStatusIn]{
	{"user_id", func(in *iproovStatusIn) { in.ID = "" }}, {"user_id", func(in *iproovStatusIn) { in.ID = ".." }},
}
