package providertest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

// PowerAuthClients are both clients of one deployment.
type PowerAuthClients struct {
	*powerauth.Client
	Admin *powerauth.AdminClient
}

type powerAuthCall = Call[PowerAuthClients, *powerauthtest.Server]

// PowerAuth is PowerAuth Cloud.
func PowerAuth() Provider[PowerAuthClients, *powerauthtest.Server] {
	return Provider[PowerAuthClients, *powerauthtest.Server]{
		Catalog: powerauth.Catalog(),
		Fake: func(c Canaries) *powerauthtest.Server {
			return powerauthtest.New(powerauthtest.Options{Password: c.Secret("password"), AdminPassword: c.Secret("admin password")})
		},
		Client: func(f *powerauthtest.Server, adjust func(*identkit.Options)) PowerAuthClients {
			return PowerAuthClients{
				f.Client(func(cfg *powerauth.Config) { adjust(&cfg.Options) }),
				f.AdminClient(func(cfg *powerauth.AdminConfig) { adjust(&cfg.Options) }),
			}
		},
		Configs: func(f *powerauthtest.Server) []any {
			admin := powerauth.AdminConfig{BaseURL: f.URL(), Credentials: powerauth.BasicAuth(f.AdminCredentials())}
			bearer := powerauth.BearerAuth(func(context.Context) (identkit.Secret, error) { _, password := f.Credentials(); return password, nil })
			return []any{f.Config(), admin, admin.Credentials, bearer, f}
		},
		Unmade: PowerAuthClients{new(powerauth.Client), new(powerauth.AdminClient)},
		Secrets: map[string]func(*powerauthtest.Server, identkit.Secret) (PowerAuthClients, error){
			"password": func(f *powerauthtest.Server, s identkit.Secret) (PowerAuthClients, error) {
				return powerAuthClients(f, powerauth.BasicAuth("integration", s))
			},
			"bearer token": func(f *powerauthtest.Server, s identkit.Secret) (PowerAuthClients, error) {
				return powerAuthClients(f, powerauth.BearerAuth(identkit.Static(s)))
			},
		},
		Failures: []func(string) (int, string){
			func(echo string) (int, string) {
				return http.StatusBadRequest, `{"status":"ERROR","responseObject":{"code":"ERROR_REQUEST","message":"` + echo + `","violations":[{"fieldName":"a.b","invalidValue":"` + echo + `","hint":"` + echo + `"}]}}`
			},
			func(echo string) (int, string) {
				return http.StatusUnauthorized, `{"status":"ERROR","responseObject":{"code":"HTTP_401","message":"` + echo + `"}}`
			},
			func(echo string) (int, string) { return http.StatusInternalServerError, echo },
			func(echo string) (int, string) { return http.StatusServiceUnavailable, `{"status":["` + echo + `"]}` },
			func(echo string) (int, string) {
				return http.StatusOK, `{"status":"ERROR","responseObject":{"code":"ERROR_GENERIC","message":"` + echo + `"}}`
			},
		},
		Envelope: func(body string) string { return `{"status":"OK","responseObject":` + body + `}` },
		Contradictions: func(body string) []string {
			return []string{
				`{"status":"ERROR","responseObject":` + body + `}`, `{"status":"error","responseObject":` + body + `}`,
				`{"status":null,"responseObject":` + body + `}`, `{"responseObject":` + body + `}`,
				`{"status":"OK","responseObject":` + body + `,"more":1}`, `{"st\u0061tus":"ERROR","responseObject":` + body + `}`,
			}
		},
		Calls: powerAuthCalls(),
	}
}

func powerAuthClients(f *powerauthtest.Server, credentials powerauth.Credentials) (c PowerAuthClients, err error) {
	cfg := f.Config()
	cfg.Credentials = credentials
	if c.Client, err = powerauth.New(cfg); err == nil {
		c.Admin, err = powerauth.NewAdmin(powerauth.AdminConfig{BaseURL: cfg.BaseURL, Credentials: credentials, Options: cfg.Options})
	}
	return c, err
}

// pac prepares the fake.
type pac struct {
	tb       testing.TB
	srv      *powerauthtest.Server
	client   *powerauth.Client
	admin    *powerauth.AdminClient
	canaries Canaries
	user     powerauth.UserID
}

const (
	pacApp powerauth.ApplicationID = "app"
	pacPIN identkit.Secret         = "1379"
)

// onPAC is the Prepare of a call.
func onPAC(prepare func(p *pac) Prepared[PowerAuthClients]) func(testing.TB, *powerauthtest.Server, Canaries) Prepared[PowerAuthClients] {
	return func(tb testing.TB, srv *powerauthtest.Server, c Canaries) Prepared[PowerAuthClients] {
		tb.Helper()
		return prepare(&pac{tb, srv, srv.Client(), srv.AdminClient(), c, powerauth.UserID(c.Personal("user"))})
	}
}

func (p *pac) created(phase powerauth.CommitPhase) *powerauth.CreatedRegistration {
	r, err := p.client.Registrations.Create(p.tb.Context(), powerauth.CreateRegistrationParams{UserID: p.user, AppID: pacApp, CommitPhase: phase})
	require.NoError(p.tb, err)
	p.canaries.Seed("registration", string(r.ID))
	return r
}

func (p *pac) phone() *powerauthtest.Device {
	d := powerauthtest.NewDevice(p.srv, powerauthtest.DeviceOptions{PIN: pacPIN, Name: p.canaries.Personal("phone")})
	require.NoError(p.tb, d.Activate(p.created(powerauth.CommitOnKeyExchange).ActivationCode))
	return d
}

func (p *pac) operation() powerauth.OperationID {
	o, err := p.client.Operations.Create(p.tb.Context(), powerauth.CreateOperationParams{UserID: p.user, Template: "payment"})
	require.NoError(p.tb, err)
	p.canaries.Seed("operation", string(o.ID))
	return o.ID
}

// signed is the header of a phone's request.
func (p *pac) signed(in powerauthtest.Request) identkit.Secret {
	header, err := p.phone().Sign(in, powerauthtest.PIN(pacPIN))
	require.NoError(p.tb, err)
	return identkit.Secret(header)
}

func (p *pac) newApplication() powerauth.ApplicationID {
	return powerauth.ApplicationID(p.canaries.Personal("application"))
}

func (p *pac) application() powerauth.ApplicationID {
	app, err := p.admin.CreateApplication(p.tb.Context(), powerauth.CreateApplicationParams{ID: p.newApplication()})
	require.NoError(p.tb, err)
	return app.ID
}

// Inputs of methods that take ids and little else.
type (
	registrationIn struct{ ID powerauth.RegistrationID }
	commitIn       struct {
		ID powerauth.RegistrationID
		powerauth.CommitRegistrationParams
	}
	operationIn struct{ ID powerauth.OperationID }
	cancelIn    struct {
		ID     powerauth.OperationID
		Reason string
	}
	offlineQRIn struct {
		ID     powerauth.OperationID
		Device powerauth.RegistrationID
	}
	verifyOfflineIn struct {
		ID powerauth.OperationID
		powerauth.VerifyOfflineOTPParams
	}
)

func powerAuthCalls() []powerAuthCall {
	calls := []powerAuthCall{
		{
			Operation: "powerauth.Registrations.Create", Required: []string{"registrationId"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(powerauth.CreateRegistrationParams{
					UserID: p.user, AppID: pacApp, OTP: p.canaries.Secret("otp"), CommitPhase: powerauth.CommitOnCommit, Flags: []string{"FLAG"},
				}, func(ctx context.Context, c PowerAuthClients, in powerauth.CreateRegistrationParams, opts []identkit.CallOption) (any, error) {
					return c.Registrations.Create(ctx, in, opts...)
				},
					change[powerauth.CreateRegistrationParams]{"userId", func(in *powerauth.CreateRegistrationParams) { in.UserID = "" }},
					change[powerauth.CreateRegistrationParams]{"userId", func(in *powerauth.CreateRegistrationParams) { in.UserID = powerauth.UserID(strings.Repeat("é", 256)) }},
					change[powerauth.CreateRegistrationParams]{"appId", func(in *powerauth.CreateRegistrationParams) { in.AppID = "" }},
					change[powerauth.CreateRegistrationParams]{"commitPhase", func(in *powerauth.CreateRegistrationParams) { in.CommitPhase = "LATER" }},
					change[powerauth.CreateRegistrationParams]{"otp", func(in *powerauth.CreateRegistrationParams) { in.CommitPhase = "" }},
					change[powerauth.CreateRegistrationParams]{"otpValidation", func(in *powerauth.CreateRegistrationParams) { in.OTPValidation = powerauth.OTPOnCommit }},
					change[powerauth.CreateRegistrationParams]{"otpValidation", func(in *powerauth.CreateRegistrationParams) { in.OTPValidation, in.CommitPhase = "LATER", "" }},
					change[powerauth.CreateRegistrationParams]{"flags", func(in *powerauth.CreateRegistrationParams) { in.Flags = []string{""} }},
					change[powerauth.CreateRegistrationParams]{"timestampRegistrationExpire", func(in *powerauth.CreateRegistrationParams) { in.Expires = time.Unix(1, 0) }},
				)
			}),
		},
		{
			Operation: "powerauth.Registrations.List", Required: []string{"registrations", "registrations.0.registrationId", "registrations.0.registrationStatus"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				p.phone()
				return bind(powerauth.ListRegistrationsParams{UserID: p.user},
					func(ctx context.Context, c PowerAuthClients, in powerauth.ListRegistrationsParams, opts []identkit.CallOption) (any, error) {
						return c.Registrations.List(ctx, in, opts...)
					},
					change[powerauth.ListRegistrationsParams]{"userId", func(in *powerauth.ListRegistrationsParams) { in.UserID = "" }})
			}),
		},
		{
			Operation: "powerauth.Registrations.Get", Required: []string{"registrationId", "registrationStatus"}, Repeats: []string{"registrationId"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(registrationIn{p.created(powerauth.CommitOnCommit).ID},
					func(ctx context.Context, c PowerAuthClients, in registrationIn, opts []identkit.CallOption) (any, error) {
						return c.Registrations.Get(ctx, in.ID, opts...)
					}, noRegistration...)
			}),
		},
		{
			Operation: "powerauth.Registrations.Change",
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(registrationIn{p.phone().RegistrationID()},
					func(ctx context.Context, c PowerAuthClients, in registrationIn, opts []identkit.CallOption) (any, error) {
						return nil, c.Registrations.Block(ctx, in.ID, opts...)
					}, noRegistration...)
			}),
		},
		{
			Operation: "powerauth.Registrations.Change", Variant: "unblock",
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				id := p.phone().RegistrationID()
				require.NoError(p.tb, p.client.Registrations.Block(p.tb.Context(), id))
				return bind(registrationIn{id},
					func(ctx context.Context, c PowerAuthClients, in registrationIn, opts []identkit.CallOption) (any, error) {
						return nil, c.Registrations.Unblock(ctx, in.ID, opts...)
					}, noRegistration...)
			}),
		},
		{
			Operation: "powerauth.Registrations.Commit",
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				created := p.created(powerauth.CommitOnCommit)
				_, err := p.srv.Activate(created.ActivationCode, powerauthtest.Activation{})
				require.NoError(p.tb, err)
				return bind(commitIn{created.ID, powerauth.CommitRegistrationParams{ExternalUserID: powerauth.UserID(p.canaries.Personal("external user"))}},
					func(ctx context.Context, c PowerAuthClients, in commitIn, opts []identkit.CallOption) (any, error) {
						return nil, c.Registrations.Commit(ctx, in.ID, in.CommitRegistrationParams, opts...)
					},
					change[commitIn]{"registrationId", func(in *commitIn) { in.ID = "" }},
					change[commitIn]{"externalUserId", func(in *commitIn) { in.ExternalUserID = powerauth.UserID(strings.Repeat("x", 256)) }})
			}),
		},
		{
			Operation: "powerauth.Registrations.Delete",
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(registrationIn{p.created(powerauth.CommitOnCommit).ID},
					func(ctx context.Context, c PowerAuthClients, in registrationIn, opts []identkit.CallOption) (any, error) {
						return nil, c.Registrations.Delete(ctx, in.ID, opts...)
					}, noRegistration...)
			}),
		},
		{
			Operation: "powerauth.Operations.Create", Required: []string{"operationId", "status"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(powerauth.CreateOperationParams{
					UserID: p.user, Template: "payment", Language: "cs", ExternalID: p.canaries.Personal("external id"), ProximityCheckEnabled: new(true),
					Parameters: map[string]string{"note": p.canaries.Personal("note")},
				}, func(ctx context.Context, c PowerAuthClients, in powerauth.CreateOperationParams, opts []identkit.CallOption) (any, error) {
					return c.Operations.Create(ctx, in, opts...)
				},
					change[powerauth.CreateOperationParams]{"userId", func(in *powerauth.CreateOperationParams) { in.UserID = powerauth.UserID(strings.Repeat("x", 256)) }},
					change[powerauth.CreateOperationParams]{"template", func(in *powerauth.CreateOperationParams) { in.Template = "" }},
					change[powerauth.CreateOperationParams]{"language", func(in *powerauth.CreateOperationParams) { in.Language = "ces" }},
					change[powerauth.CreateOperationParams]{"externalId", func(in *powerauth.CreateOperationParams) { in.ExternalID = "\xff" }},
					change[powerauth.CreateOperationParams]{"flag", func(in *powerauth.CreateOperationParams) { in.Flag = "\xff" }},
					change[powerauth.CreateOperationParams]{"timestampExpires", func(in *powerauth.CreateOperationParams) { in.Expires = time.Unix(1, 0) }},
					change[powerauth.CreateOperationParams]{"parameters", func(in *powerauth.CreateOperationParams) { in.Parameters = map[string]string{"": "x"} }},
					change[powerauth.CreateOperationParams]{"parameters.note", func(in *powerauth.CreateOperationParams) { in.Parameters["note"] = "a\tb" }},
				)
			}),
		},
		{
			Operation: "powerauth.Operations.Get", Required: []string{"operationId", "status"}, Repeats: []string{"operationId"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(operationIn{p.operation()},
					func(ctx context.Context, c PowerAuthClients, in operationIn, opts []identkit.CallOption) (any, error) {
						return c.Operations.Get(ctx, in.ID, opts...)
					},
					change[operationIn]{"operationId", func(in *operationIn) { in.ID = "" }},
					change[operationIn]{"operationId", func(in *operationIn) { in.ID = ".." }})
			}),
		},
		{
			Operation: "powerauth.Operations.Cancel",
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(cancelIn{p.operation(), "TIMED_OUT"},
					func(ctx context.Context, c PowerAuthClients, in cancelIn, opts []identkit.CallOption) (any, error) {
						return nil, c.Operations.Cancel(ctx, in.ID, in.Reason, opts...)
					},
					change[cancelIn]{"operationId", func(in *cancelIn) { in.ID = "" }},
					change[cancelIn]{"statusReason", func(in *cancelIn) { in.Reason = strings.Repeat("X", 33) }})
			}),
		},
		{
			Operation: "powerauth.Operations.OfflineQR", Required: []string{"operationQrCodeData", "nonce"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(offlineQRIn{p.operation(), p.phone().RegistrationID()},
					func(ctx context.Context, c PowerAuthClients, in offlineQRIn, opts []identkit.CallOption) (any, error) {
						return c.Operations.OfflineQR(ctx, in.ID, in.Device, opts...)
					},
					change[offlineQRIn]{"operationId", func(in *offlineQRIn) { in.ID = "." }},
					change[offlineQRIn]{"registrationId", func(in *offlineQRIn) { in.Device = "" }})
			}),
		},
		{
			Operation: "powerauth.Operations.VerifyOfflineOTP", Verdicts: []string{"otpValid"}, Repeats: []string{"registrationId"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				phone, id := p.phone(), p.operation()
				qr, err := p.client.Operations.OfflineQR(p.tb.Context(), id, phone.RegistrationID())
				require.NoError(p.tb, err)
				otp, err := phone.OfflineCode(qr.Data, powerauthtest.PIN(pacPIN))
				require.NoError(p.tb, err)
				return bind(verifyOfflineIn{id, powerauth.VerifyOfflineOTPParams{OTP: otp, Nonce: qr.Nonce, RegistrationID: phone.RegistrationID()}},
					func(ctx context.Context, c PowerAuthClients, in verifyOfflineIn, opts []identkit.CallOption) (any, error) {
						return c.Operations.VerifyOfflineOTP(ctx, in.ID, in.VerifyOfflineOTPParams, opts...)
					},
					change[verifyOfflineIn]{"operationId", func(in *verifyOfflineIn) { in.ID = "" }},
					change[verifyOfflineIn]{"otp", func(in *verifyOfflineIn) { in.OTP = "" }},
					change[verifyOfflineIn]{"nonce", func(in *verifyOfflineIn) { in.Nonce = "AAAA" }},
					change[verifyOfflineIn]{"registrationId", func(in *verifyOfflineIn) { in.RegistrationID = "" }})
			}),
		},
	}
	calls = append(calls, powerAuthVerifyCalls()...)
	calls = append(calls, powerAuthMessageCalls()...)
	return append(calls, powerAuthAdminCalls()...)
}

var noRegistration = []change[registrationIn]{
	{"registrationId", func(in *registrationIn) { in.ID = "" }},
	{"registrationId", func(in *registrationIn) { in.ID = ".." }},
}

// ignorable is the kind of responses that are undocumented.
const ignorable = transport.ResponseOptional
