// Package powerauthtest plays Wultra PowerAuth Cloud in tests, sandboxes and examples.
//
//	srv := powerauthtest.NewServer(t)
//	client := srv.Client()
//	created, err := client.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app"})
//	phone := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{PIN: "1379"})
//	err = phone.Activate(created.ActivationQRCodeData)
//	err = client.Registrations.Commit(ctx, created.ID, powerauth.CommitRegistrationParams{})
//	err = phone.SignRequest(request, "/payment/create", powerauthtest.PIN("1379"))
//
// The fake keeps registrations, operations, tokens and passkeys, walks their state machines on its own clock, checks credentials
// and requests as strictly as the contract says the vendor does, and simulates both variants of each point on which the documents disagree (see
// [Dialect]). It verifies what phones sign for real: attempts fall, devices block, counters move.
//
// [Device] is a simulated phone with real keys, [Authenticator] a browser with passkeys. [Server.AddCallback] has changes told as the
// vendor tells them, retries included: when [Server.Deliver] is called, or by themselves with Options.SendCallbacks.
//
// Faults come by rule (package identkittest), the journal shows what came in.
//
// It is reached over a socket (NewServer, Start), without one (Transport, which also works inside testing/synctest), as an
// http.Handler, or behind httpmock (Responder).
//
// Protocol 3.0 to 3.3 is spoken; 4.0, the temporary keys of newer apps and the encryption between phone and server are not: the phone
// reaches the fake inside the process.
package powerauthtest
