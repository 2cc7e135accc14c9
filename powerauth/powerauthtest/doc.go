// Package powerauthtest simulates Wultra PowerAuth Cloud in tests, sandboxes and examples.
//
//	srv := powerauthtest.NewServer(t)
//	client := srv.Client()
//	created, err := client.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "app"})
//	phone := powerauthtest.NewDevice(srv, powerauthtest.DeviceOptions{PIN: "1379"})
//	err = phone.Activate(created.ActivationQRCodeData)
//	err = client.Registrations.Commit(ctx, created.ID, powerauth.CommitRegistrationParams{})
//	err = phone.SignRequest(request, "/payment/create", powerauthtest.PIN("1379"))
//
// The fake holds registrations, operations, tokens and passkeys, changes their states by its own clock, checks credentials and
// requests as strictly as the contract does, and simulates both variants where the documents disagree (see [Dialect]). It verifies what phones sign for real: attempts fall, devices block, counters move.
//
// [Device] is a simulated phone with real keys, [Authenticator] a browser with passkeys, [FormatOfflineQR] and its like write the texts that
// package protocol reads. [Server.AddCallback] sends changes as the vendor does, with retries: when Deliver is called, or by itself with Options.SendCallbacks.
//
// Faults are injected by rule (package identkittest); the journal shows the requests.
//
// It is reached over a socket (NewServer, Start), without one (Transport, which also works inside testing/synctest), as an
// http.Handler, or behind httpmock (Responder).
//
// It implements protocol 3.0 to 3.3, but neither 4.0 nor the temporary keys of newer apps nor the encryption between phone and server:
// the phone calls the fake inside the process.
package powerauthtest
