// Package powerauthtest plays Wultra PowerAuth Cloud in tests, sandboxes and examples.
//
//	srv := powerauthtest.NewServer(t)
//	client := srv.Client()
//	created, err := client.Registrations.Create(ctx, powerauth.CreateRegistration{UserID: "u-1", AppID: "app"})
//	id, err := srv.Activate(created.ActivationCode, powerauthtest.Activation{Name: "My phone"})
//
// The fake keeps registrations and operations, walks their state machines on its own clock, checks credentials and requests as
// strictly as the contract says the vendor does, and speaks either side of each point on which sources disagree (see [Options]).
// Faults come by rule (package identkittest), the journal shows what came in.
//
// It is reached over a socket (NewServer, Start), without one (Transport, which also works inside testing/synctest), as an
// http.Handler, or behind httpmock (Responder).
package powerauthtest
