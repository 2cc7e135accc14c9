package providertest

import (
	"context"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

func powerAuthMessageCalls() []powerAuthCall {
	return []powerAuthCall{
		{
			Operation: "powerauth.Messages.Send", Response: ignorable,
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				p.phone()
				return bind(powerauth.SendMessageParams{
					UserID: p.user, Title: p.canaries.Personal("title"), Message: p.canaries.Personal("message"), Extras: map[string]any{"note": p.canaries.Personal("note")},
				}, func(ctx context.Context, c PowerAuthClients, in powerauth.SendMessageParams, opts []identkit.CallOption) (any, error) {
					return nil, c.Messages.Send(ctx, in, opts...)
				},
					change[powerauth.SendMessageParams]{"userId", func(in *powerauth.SendMessageParams) { in.UserID = "" }},
					change[powerauth.SendMessageParams]{"title", func(in *powerauth.SendMessageParams) { in.Title = " " }},
					change[powerauth.SendMessageParams]{"message", func(in *powerauth.SendMessageParams) { in.Message = "\xff" }},
					change[powerauth.SendMessageParams]{"extras", func(in *powerauth.SendMessageParams) { in.Extras = map[string]any{"operationId": "x"} }},
					change[powerauth.SendMessageParams]{"extras", func(in *powerauth.SendMessageParams) { in.Extras = map[string]any{"a": func() {}} }},
				)
			}),
		},
		{
			Operation: "powerauth.Inbox.Create", Required: []string{"id"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				p.phone()
				return bind(powerauth.CreateInboxMessageParams{
					UserID: p.user, Subject: p.canaries.Personal("subject"), Summary: p.canaries.Personal("summary"), Body: p.canaries.Personal("body"), Type: powerauth.InboxText,
				}, func(ctx context.Context, c PowerAuthClients, in powerauth.CreateInboxMessageParams, opts []identkit.CallOption) (any, error) {
					return c.Inbox.Create(ctx, in, opts...)
				},
					change[powerauth.CreateInboxMessageParams]{"userId", func(in *powerauth.CreateInboxMessageParams) { in.UserID = "" }},
					change[powerauth.CreateInboxMessageParams]{"subject", func(in *powerauth.CreateInboxMessageParams) { in.Subject = "short" }},
					change[powerauth.CreateInboxMessageParams]{"summary", func(in *powerauth.CreateInboxMessageParams) { in.Summary = strings.Repeat("x", 256) }},
					change[powerauth.CreateInboxMessageParams]{"body", func(in *powerauth.CreateInboxMessageParams) { in.Body = "" }},
					change[powerauth.CreateInboxMessageParams]{"type", func(in *powerauth.CreateInboxMessageParams) { in.Type = "markdown" }},
				)
			}),
		},
		{
			Operation: "powerauth.Audit.Log", Required: []string{"items", "items.0.activationId", "items.0.eventType"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				body := []byte(p.canaries.Personal("signed body"))
				_, err := p.client.Signatures.Verify(p.tb.Context(), powerauth.VerifySignatureParams{
					Method: "POST", URIID: "/payment", Body: body, AuthHeader: p.signed(powerauthtest.Request{Method: "POST", URIID: "/payment", Body: body}),
				})
				require.NoError(p.tb, err)
				now := time.Now()
				return bind(powerauth.AuditLogParams{UserID: p.user, From: now.Add(-time.Hour), To: now.Add(time.Hour)},
					func(ctx context.Context, c PowerAuthClients, in powerauth.AuditLogParams, opts []identkit.CallOption) (any, error) {
						var items []powerauth.AuditItem
						for item, err := range c.Audit.Log(ctx, in, opts...) {
							if err != nil {
								return nil, err
							}
							items = append(items, item)
						}
						return items, nil
					},
					change[powerauth.AuditLogParams]{"userId", func(in *powerauth.AuditLogParams) { in.UserID = "" }},
					change[powerauth.AuditLogParams]{"timestampFrom", func(in *powerauth.AuditLogParams) { in.From = time.Unix(-1, 0) }},
					change[powerauth.AuditLogParams]{"timestampTo", func(in *powerauth.AuditLogParams) { in.To = in.From.Add(-time.Hour) }},
					change[powerauth.AuditLogParams]{"Window", func(in *powerauth.AuditLogParams) { in.Window = -1 }},
				)
			}),
		},
		{
			Operation: "powerauth.Health.Get", SingleAttempt: true, Required: []string{"status"},
			Prepare: onPAC(func(*pac) Prepared[PowerAuthClients] {
				return plainly(func(ctx context.Context, c PowerAuthClients, opts []identkit.CallOption) (any, error) {
					return c.Health.Get(ctx, opts...)
				})
			}),
		},
		{
			Operation: "powerauth.Health.Get", Variant: "by an administrator", SingleAttempt: true, Required: []string{"status"},
			Prepare: onPAC(func(*pac) Prepared[PowerAuthClients] {
				return plainly(func(ctx context.Context, c PowerAuthClients, opts []identkit.CallOption) (any, error) {
					return c.Admin.Health.Get(ctx, opts...)
				})
			}),
		},
		{
			Operation: "powerauth.Health.Liveness", SingleAttempt: true, Required: []string{"status"},
			Prepare: onPAC(func(*pac) Prepared[PowerAuthClients] {
				return plainly(func(ctx context.Context, c PowerAuthClients, opts []identkit.CallOption) (any, error) {
					return c.Health.Liveness(ctx, opts...)
				})
			}),
		},
		{
			Operation: "powerauth.Health.Readiness", SingleAttempt: true, Required: []string{"status"},
			Prepare: onPAC(func(*pac) Prepared[PowerAuthClients] {
				return plainly(func(ctx context.Context, c PowerAuthClients, opts []identkit.CallOption) (any, error) {
					return c.Health.Readiness(ctx, opts...)
				})
			}),
		},
	}
}

// Inputs of methods that take ids and little else.
type (
	applicationIn struct{ ID powerauth.ApplicationID }
	userIn        struct{ Username string }
	bindIn        struct {
		Username string
		App      powerauth.ApplicationID
	}
	apnsIn struct {
		App powerauth.ApplicationID
		powerauth.SetAPNsParams
	}
	fcmIn struct {
		App powerauth.ApplicationID
		powerauth.SetFCMParams
	}
	callbackIn struct {
		App powerauth.ApplicationID
		powerauth.CreateCallbackParams
	}
)

func powerAuthAdminCalls() []powerAuthCall {
	return []powerAuthCall{
		{
			Operation: "powerauth.Admin.CreateApplication", Required: []string{"id"}, Repeats: []string{"id"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(powerauth.CreateApplicationParams{ID: p.newApplication(), Roles: []string{"ROLE"}},
					func(ctx context.Context, c PowerAuthClients, in powerauth.CreateApplicationParams, opts []identkit.CallOption) (any, error) {
						return c.Admin.CreateApplication(ctx, in, opts...)
					},
					change[powerauth.CreateApplicationParams]{"id", func(in *powerauth.CreateApplicationParams) { in.ID = "" }},
					change[powerauth.CreateApplicationParams]{"roles", func(in *powerauth.CreateApplicationParams) { in.Roles = []string{""} }})
			}),
		},
		{
			Operation: "powerauth.Admin.GetApplication", Required: []string{"id"}, Repeats: []string{"id"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(applicationIn{p.application()},
					func(ctx context.Context, c PowerAuthClients, in applicationIn, opts []identkit.CallOption) (any, error) {
						return c.Admin.GetApplication(ctx, in.ID, opts...)
					},
					change[applicationIn]{"appId", func(in *applicationIn) { in.ID = "" }},
					change[applicationIn]{"appId", func(in *applicationIn) { in.ID = ".." }})
			}),
		},
		{
			Operation: "powerauth.Admin.CreateUser", Required: []string{"username", "password"}, Repeats: []string{"username"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(userIn{p.canaries.Personal("username")},
					func(ctx context.Context, c PowerAuthClients, in userIn, opts []identkit.CallOption) (any, error) {
						return c.Admin.CreateUser(ctx, in.Username, opts...)
					},
					change[userIn]{"username", func(in *userIn) { in.Username = "" }})
			}),
		},
		{
			Operation: "powerauth.Admin.BindUser", Required: []string{"username"}, Repeats: []string{"username"},
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				created, err := p.admin.CreateUser(p.tb.Context(), p.canaries.Personal("username"))
				require.NoError(p.tb, err)
				return bind(bindIn{created.Username, p.application()},
					func(ctx context.Context, c PowerAuthClients, in bindIn, opts []identkit.CallOption) (any, error) {
						return c.Admin.BindUser(ctx, in.Username, in.App, opts...)
					},
					change[bindIn]{"username", func(in *bindIn) { in.Username = "." }},
					change[bindIn]{"appId", func(in *bindIn) { in.App = "" }})
			}),
		},
		{
			Operation: "powerauth.Admin.SetAPNs", Response: ignorable,
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(apnsIn{p.application(), powerauth.SetAPNsParams{
					Topic: "com.example", KeyID: "K", TeamID: "T", Environment: powerauth.APNsProduction, PrivateKey: p.canaries.Secret("private key"),
				}}, func(ctx context.Context, c PowerAuthClients, in apnsIn, opts []identkit.CallOption) (any, error) {
					return nil, c.Admin.SetAPNs(ctx, in.App, in.SetAPNsParams, opts...)
				},
					change[apnsIn]{"appId", func(in *apnsIn) { in.App = "" }},
					change[apnsIn]{"topic", func(in *apnsIn) { in.Topic = "" }},
					change[apnsIn]{"keyId", func(in *apnsIn) { in.KeyID = "" }},
					change[apnsIn]{"teamId", func(in *apnsIn) { in.TeamID = "" }},
					change[apnsIn]{"environment", func(in *apnsIn) { in.Environment = "prod" }},
					change[apnsIn]{"privateKeyBase64", func(in *apnsIn) { in.PrivateKey = "-----BEGIN PRIVATE KEY-----" }},
				)
			}),
		},
		{
			Operation: "powerauth.Admin.SetFCM", Response: ignorable,
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return bind(fcmIn{p.application(), powerauth.SetFCMParams{ProjectID: "project", PrivateKey: p.canaries.Secret("private key")}},
					func(ctx context.Context, c PowerAuthClients, in fcmIn, opts []identkit.CallOption) (any, error) {
						return nil, c.Admin.SetFCM(ctx, in.App, in.SetFCMParams, opts...)
					},
					change[fcmIn]{"appId", func(in *fcmIn) { in.App = ".." }},
					change[fcmIn]{"projectId", func(in *fcmIn) { in.ProjectID = "" }},
					change[fcmIn]{"privateKeyBase64", func(in *fcmIn) { in.PrivateKey = "" }})
			}),
		},
		{
			Operation: "powerauth.Admin.CreateCallback", EmptyObject: true,
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return createCallback(callbackIn{p.application(), powerauth.CreateCallbackParams{
					Name: "name", Type: powerauth.CallbackOperation, URL: "https://backend.example/" + p.canaries.Secret("segment"), Attributes: []string{"userId"},
					Authentication: powerauth.CallbackAuthentication{HTTPBasic: powerauth.CallbackBasic{Username: "pac", Password: p.canaries.Secret("password")}},
				}},
					change[callbackIn]{"authentication.httpBasic.password", func(in *callbackIn) { in.Authentication.HTTPBasic.Password = "" }},
					change[callbackIn]{"authentication", func(in *callbackIn) {
						in.Authentication.OAuth2 = powerauth.CallbackOAuth2{TokenURI: "https://idp.example", ClientID: "id", ClientSecret: "secret"}
					}})
			}),
		},
		{
			Operation: "powerauth.Admin.CreateCallback", Variant: "with OAuth", EmptyObject: true,
			Prepare: onPAC(func(p *pac) Prepared[PowerAuthClients] {
				return createCallback(callbackIn{p.application(), powerauth.CreateCallbackParams{
					Name: "name", Type: powerauth.CallbackRegistration, URL: "https://backend.example/",
					Authentication: powerauth.CallbackAuthentication{OAuth2: powerauth.CallbackOAuth2{
						TokenURI: "https://idp.example/token", ClientID: "id", ClientSecret: p.canaries.Secret("client secret"),
					}},
				}},
					change[callbackIn]{"authentication.oauth2.clientId", func(in *callbackIn) { in.Authentication.OAuth2.ClientID = "" }})
			}),
		},
	}
}

func createCallback(in callbackIn, more ...change[callbackIn]) Prepared[PowerAuthClients] {
	return bind(in, func(ctx context.Context, c PowerAuthClients, in callbackIn, opts []identkit.CallOption) (any, error) {
		return c.Admin.CreateCallback(ctx, in.App, in.CreateCallbackParams, opts...)
	}, append(more,
		change[callbackIn]{"appId", func(in *callbackIn) { in.App = "" }},
		change[callbackIn]{"name", func(in *callbackIn) { in.Name = "" }},
		change[callbackIn]{"type", func(in *callbackIn) { in.Type = "ACTIVATION" }},
		change[callbackIn]{"callbackUrl", func(in *callbackIn) { in.URL = "backend/hook" }},
		change[callbackIn]{"attributes", func(in *callbackIn) { in.Attributes = []string{""} }},
		change[callbackIn]{"maxAttempts", func(in *callbackIn) { in.MaxAttempts = -1 }},
		change[callbackIn]{"initialBackoff", func(in *callbackIn) { in.InitialBackoff = -1 }},
		change[callbackIn]{"retentionPeriod", func(in *callbackIn) { in.RetentionPeriod = -1 }})...)
}
