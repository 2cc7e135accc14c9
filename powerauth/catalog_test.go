package powerauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

// clients are both clients of one deployment.
type clients struct {
	*powerauth.Client
	admin *powerauth.AdminClient
}

func clientsOf(t *testing.T, url string, opts identkit.Options, password identkit.Secret) clients {
	t.Helper()
	client, err := powerauth.New(powerauth.Config{BaseURL: url, Credentials: powerauth.BasicAuth("integration", password), Options: opts})
	require.NoError(t, err)
	admin, err := powerauth.NewAdmin(powerauth.AdminConfig{BaseURL: url, Credentials: powerauth.BasicAuth("admin", password), Options: opts})
	require.NoError(t, err)
	return clients{client, admin}
}

// personal is what the calls below send, for tests that look for it.
type personal struct {
	user                                powerauth.UserID
	header, otp, challenge, key, secret identkit.Secret
	text                                string
}

var anyone = personal{user: "u-1", header: signedHeader, otp: "12345678-12345678", challenge: "CODE", key: "AAAA", secret: "secret", text: "something to say"}

// calls makes each call of the catalogue, with valid input.
func (p personal) calls() map[string]func(context.Context, clients) error {
	callback := powerauth.CreateCallbackParams{Name: "n", Type: powerauth.CallbackOperation, URL: "https://b.example/" + p.secret, Authentication: powerauth.CallbackAuthentication{
		HTTPBasic: powerauth.CallbackBasic{Username: "u", Password: p.secret},
	}}
	drop := func(_ any, err error) error { return err }
	return map[string]func(context.Context, clients) error{
		"powerauth.Registrations.Create": func(ctx context.Context, c clients) error {
			return drop(c.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: p.user, AppID: "app", OTP: p.secret, CommitPhase: powerauth.CommitOnCommit}))
		},
		"powerauth.Registrations.List": func(ctx context.Context, c clients) error {
			return drop(c.Registrations.List(ctx, powerauth.ListRegistrationsParams{UserID: p.user}))
		},
		"powerauth.Registrations.Get":    func(ctx context.Context, c clients) error { return drop(c.Registrations.Get(ctx, "r-1")) },
		"powerauth.Registrations.Change": func(ctx context.Context, c clients) error { return c.Registrations.Block(ctx, "r-1") },
		"powerauth.Registrations.Commit": func(ctx context.Context, c clients) error {
			return c.Registrations.Commit(ctx, "r-1", powerauth.CommitRegistrationParams{ExternalUserID: p.user})
		},
		"powerauth.Registrations.Delete": func(ctx context.Context, c clients) error { return c.Registrations.Delete(ctx, "r-1") },
		"powerauth.Operations.Create": func(ctx context.Context, c clients) error {
			return drop(c.Operations.Create(ctx, powerauth.CreateOperationParams{UserID: p.user, Template: "t", Parameters: map[string]string{"note": p.text}}))
		},
		"powerauth.Operations.Get":       func(ctx context.Context, c clients) error { return drop(c.Operations.Get(ctx, "o-1")) },
		"powerauth.Operations.Cancel":    func(ctx context.Context, c clients) error { return c.Operations.Cancel(ctx, "o-1", "") },
		"powerauth.Operations.OfflineQR": func(ctx context.Context, c clients) error { return drop(c.Operations.OfflineQR(ctx, "o-1", "r-1")) },
		"powerauth.Operations.VerifyOfflineOTP": func(ctx context.Context, c clients) error {
			return drop(c.Operations.VerifyOfflineOTP(ctx, "o-1", powerauth.VerifyOfflineOTPParams{OTP: p.otp, Nonce: offlineIn.Nonce, RegistrationID: "r-1"}))
		},
		"powerauth.Signatures.Verify": func(ctx context.Context, c clients) error {
			return drop(c.Signatures.Verify(ctx, powerauth.VerifySignatureParams{Method: "POST", URIID: "/x", AuthHeader: p.header, Body: []byte(p.text)}))
		},
		"powerauth.Tokens.Verify": func(ctx context.Context, c clients) error {
			return drop(c.Tokens.Verify(ctx, powerauth.VerifyTokenParams{AuthHeader: p.header}))
		},
		"powerauth.Passkeys.List": func(ctx context.Context, c clients) error {
			return drop(c.Passkeys.List(ctx, powerauth.ListPasskeysParams{UserID: p.user, AppID: "app"}))
		},
		"powerauth.Passkeys.RegistrationChallenge": func(ctx context.Context, c clients) error {
			return drop(c.Passkeys.RegistrationChallenge(ctx, powerauth.CreatePasskeyChallengeParams{UserID: p.user, AppID: "app"}))
		},
		"powerauth.Passkeys.Register": func(ctx context.Context, c clients) error {
			in := registerIn()
			in.ExpectedChallenge = p.challenge
			return drop(c.Passkeys.Register(ctx, in))
		},
		"powerauth.Passkeys.AssertionChallenge": func(ctx context.Context, c clients) error {
			return drop(c.Passkeys.AssertionChallenge(ctx, powerauth.CreateAssertionChallengeParams{TemplateName: "login", UserID: p.user}))
		},
		"powerauth.Passkeys.VerifyAssertion": func(ctx context.Context, c clients) error {
			in := assertionIn()
			in.ExpectedChallenge = p.challenge
			return drop(c.Passkeys.VerifyAssertion(ctx, in))
		},
		"powerauth.Messages.Send": func(ctx context.Context, c clients) error {
			return c.Messages.Send(ctx, powerauth.SendMessageParams{UserID: p.user, Title: "T", Message: p.text})
		},
		"powerauth.Inbox.Create": func(ctx context.Context, c clients) error {
			in := inboxIn
			in.UserID, in.Body = p.user, p.text
			return drop(c.Inbox.Create(ctx, in))
		},
		"powerauth.Audit.Log": func(ctx context.Context, c clients) error {
			for _, err := range c.Audit.Log(ctx, powerauth.AuditLogParams{UserID: p.user}) {
				return err
			}
			return nil
		},
		"powerauth.Health.Get":       func(ctx context.Context, c clients) error { return drop(c.Health.Get(ctx)) },
		"powerauth.Health.Liveness":  func(ctx context.Context, c clients) error { return drop(c.Health.Liveness(ctx)) },
		"powerauth.Health.Readiness": func(ctx context.Context, c clients) error { return drop(c.Health.Readiness(ctx)) },
		"powerauth.Admin.CreateApplication": func(ctx context.Context, c clients) error {
			return drop(c.admin.CreateApplication(ctx, powerauth.CreateApplicationParams{ID: "app"}))
		},
		"powerauth.Admin.GetApplication": func(ctx context.Context, c clients) error { return drop(c.admin.GetApplication(ctx, "app")) },
		"powerauth.Admin.CreateUser":     func(ctx context.Context, c clients) error { return drop(c.admin.CreateUser(ctx, "backend")) },
		"powerauth.Admin.BindUser":       func(ctx context.Context, c clients) error { return drop(c.admin.BindUser(ctx, "backend", "app")) },
		"powerauth.Admin.SetAPNs": func(ctx context.Context, c clients) error {
			return c.admin.SetAPNs(ctx, "app", powerauth.SetAPNsParams{Topic: "t", KeyID: "k", TeamID: "t", Environment: powerauth.APNsProduction, PrivateKey: p.key})
		},
		"powerauth.Admin.SetFCM": func(ctx context.Context, c clients) error {
			return c.admin.SetFCM(ctx, "app", powerauth.SetFCMParams{ProjectID: "p", PrivateKey: p.key})
		},
		"powerauth.Admin.CreateCallback": func(ctx context.Context, c clients) error { return drop(c.admin.CreateCallback(ctx, "app", callback)) },
	}
}

func TestEveryOperationHasACall(t *testing.T) {
	t.Parallel()
	calls := anyone.calls()
	for _, op := range powerauth.Catalog() {
		assert.Contains(t, calls, op.Name)
		delete(calls, op.Name)
	}
	assert.Empty(t, calls)
}

// Calls that act are sent once, whatever happens to the response; calls that only read are retried.
func TestOnlyReadsAreRetried(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]identkittest.Rule{
		"response lost": identkittest.Any().LoseResponse(), "reset": identkittest.Any().Reset(), "500": identkittest.Any().Status(500),
		"HTML 502": identkittest.Any().HTML(502), "503": identkittest.Any().Status(503),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := powerauthtest.New(powerauthtest.Options{})
			defer srv.Close()
			srv.Fault(fault)
			cfg := srv.Config()
			cfg.Options.Retry = identkit.RetryPolicy{InitialBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond, Budget: -1}
			c := clientsOf(t, cfg.BaseURL, cfg.Options, "p")
			calls := anyone.calls()
			for _, op := range powerauth.Catalog() {
				err := calls[op.Name](t.Context(), c)
				require.Error(t, err, op.Name)
				sent := srv.Journal().Count(op.Name)
				switch {
				case op.Retry == identkit.RetryIfNotProcessed:
					assert.Equal(t, 1, sent, op.Name)
					assert.ErrorIs(t, err, identkit.ErrOutcomeUnknown, op.Name)
				case op.Path[:5] == "/actu":
					assert.Equal(t, 1, sent, op.Name)
				default:
					assert.Equal(t, 3, sent, op.Name)
				}
			}
		})
	}
}

func TestCallsLeakNothing(t *testing.T) {
	t.Parallel()
	leaks := identkittest.NewLeakCheck(t)
	p := personal{
		user: powerauth.UserID(leaks.Personal("user")), header: leaks.Secret("header"), otp: leaks.Secret("otp"), challenge: leaks.Secret("challenge"),
		key: leaks.Secret("key"), secret: leaks.Secret("secret"), text: leaks.Personal("text"),
	}
	password, echoed := leaks.Secret("password"), leaks.Secret("response").Reveal()
	s := &stub{}
	opts := stubOptions(s)
	opts.Logger, opts.Observer = leaks.Logger(), leaks.Observer()
	c := clientsOf(t, stubURL, opts, password)
	for _, resp := range []struct {
		status int
		body   string
	}{
		{200, echoed},
		{200, `{"a":"` + echoed + `"}`},
		{200, `{"username":"` + echoed + `","password":"` + echoed + `","id":"` + echoed + `","appSecret":"` + echoed + `","items":["` + echoed + `"]}`},
		{200, `{"signatureValid":"` + echoed + `","tokenValid":"` + echoed + `","otpValid":"` + echoed + `","authenticators":["` + echoed + `"],"challenge":{"` + echoed + `":1}}`},
		{400, `{"status":"ERROR","responseObject":{"code":"ERROR_REQUEST","message":"` + echoed + `","violations":[{"fieldName":"a.b","invalidValue":"` + echoed + `","hint":"` + echoed + `"}]}}`},
		{401, `{"status":"ERROR","responseObject":{"code":"HTTP_401","message":"` + echoed + `"}}`},
		{500, echoed},
		{503, `{"status":["` + echoed + `"]}`},
	} {
		s.respond(resp.status, resp.body)
		for _, call := range p.calls() {
			leaks.Error(call(t.Context(), c))
		}
	}
	s.fail = errors.New("connection lost")
	for _, call := range p.calls() {
		leaks.Error(call(t.Context(), c))
	}
	// Parameters print as masks, too.
	leaks.Value(powerauth.VerifySignatureParams{AuthHeader: p.header})
	leaks.Value(powerauth.VerifyTokenParams{AuthHeader: p.header})
	leaks.Value(powerauth.VerifyOfflineOTPParams{OTP: p.otp})
	leaks.Value(powerauth.SetAPNsParams{PrivateKey: p.key})
	leaks.Value(powerauth.CreateCallbackParams{URL: p.secret, Authentication: powerauth.CallbackAuthentication{OAuth2: powerauth.CallbackOAuth2{ClientSecret: p.secret}}})
	leaks.Value(powerauth.RegistrationCallback{Registration: powerauth.Registration{ActivationCode: p.secret, ActivationQRCodeData: p.secret}})
	leaks.Value(powerauth.OperationCallback{Operation: powerauth.Operation{ProximityOTP: p.otp}})
	leaks.Value(powerauth.Application{AppSecret: p.secret, MobileSDKConfig: p.secret})
	leaks.Value(powerauth.CreatedUser{Password: p.secret})
	leaks.Value(powerauth.PasskeyRegistrationChallenge{Challenge: p.challenge})
	leaks.Value(powerauth.RegisterPasskeyParams{ExpectedChallenge: p.challenge})
	leaks.Value(fmt.Sprintf("%+v", c.Client))
	leaks.Value(fmt.Sprintf("%+v", c.admin))
	leaks.Check()
}

func TestProtectLeaksNothing(t *testing.T) {
	t.Parallel()
	leaks := identkittest.NewLeakCheck(t)
	body, code := leaks.Personal("body"), leaks.Secret("code").Reveal()
	for _, status := range []int{200, 400, 500} {
		_, client := stubbed(t, status, `{"status":"ERROR","responseObject":{"code":"ERROR_REQUEST","message":"`+body+code+`"}}`)
		h := protect(t, client, powerauth.ProtectConfig{Observe: func(_ context.Context, d powerauth.ProtectDecision) {
			leaks.Error(d.Err)
			leaks.Value(d)
		}})(&endpoint{})
		r := signedRequest("POST", "/", body)
		r.Header.Set(protocol.AuthorizationHeaderName, signedHeader+`, x="`+code+`"`)
		w := serve(h, r)
		assert.NotEqual(t, http.StatusNoContent, w.Code)
		leaks.Value(w.Header())
		leaks.Value(w.Body.String())
	}
	leaks.Check()
}
