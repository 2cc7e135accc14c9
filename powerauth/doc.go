// Package powerauth is a client of Wultra PowerAuth Cloud (PAC), the backend side of mobile authentication and approvals: a
// user's phone is registered as a device, and payments, logins and other operations are approved on it.
//
//	client, err := powerauth.New(powerauth.Config{
//		BaseURL:     "https://pac.internal.example/powerauth-cloud",
//		Credentials: powerauth.BasicAuth("integration", password),
//	})
//	created, err := client.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: "u-1", AppID: "my-app"})
//	qr := created.ActivationQRCodeData.Reveal() // to be shown as a QR code; the phone reads it
//	reg, err := client.Registrations.WaitFor(ctx, created.ID, powerauth.RegistrationPendingCommit, identkit.WaitPolicy{})
//	err = client.Registrations.Commit(ctx, created.ID, powerauth.CommitRegistrationParams{})
//	op, err := client.Operations.Create(ctx, powerauth.CreateOperationParams{UserID: "u-1", Template: "payment"})
//	op, err = client.Operations.Wait(ctx, op.ID, identkit.WaitPolicy{})
//	if err == nil && op.IsApproved() {
//		// pay
//	}
//
// Endpoints of one's own are protected by what phones sign ([Protect]) or by their tokens ([ProtectToken]):
//
//	protect, err := powerauth.Protect(client, powerauth.ProtectConfig{
//		URIID:   "/payment/create",
//		Require: powerauth.RequireFactors(protocol.Possession, protocol.Knowledge),
//	})
//	mux.Handle("POST /payments", protect(handler))
//
// [NewCallbackHandler] receives callbacks, and [AdminClient] sets a deployment up, with credentials of its own. Package [protocol] reads
// and writes activation codes, QR texts, headers of phones, deeplinks and operation data, without any call:
//
//	code, err := protocol.NormalizeActivationCode(typed)
//	link, err := protocol.ProximityDeeplink{OperationID: op.ID, OTP: op.ProximityOTP}.URL("my-bank")
//	otp, err := protocol.NormalizeOfflineOTP(typed, 0) // for Operations.VerifyOfflineOTP
//
// It also defines the factors: [protocol.Possession], [protocol.Knowledge], [protocol.Biometry].
//
// The multi-device API (paths under /v2) is covered. The single-device API is left out on purpose: the vendor steers everyone to
// v2, which does all it does.
//
// PAC belongs into an internal network; phones talk to the enrollment server instead. A private CA and a client certificate go into
// Options.TLS, the key of a gateway into Config.Header. What is known of PAC comes from the
// vendor's tutorial, the public beginnings of its reference, its test suites and the open-source engine underneath; what is
// assumed is called so in the doc comments and listed in ASSUMPTIONS.md. Package powerauthtest simulates PAC in tests.
//
// # Protected endpoints
//
// A refusal by [Protect] or [ProtectToken] has an empty body: 401 when the request is refused, 413 for a body over the limit, 400 for one
// that cannot be read, and 503 when PAC could not be asked or gave no clear verdict. After a 503 the phone must sign again: the code may
// have been used up.
//
// A code is verified once: protections inside each other share the result, and a code that was verified for another uriId, body or
// query, or by another client, is refused without a call. Headers that no version of the vendor's grammar allows (absent, repeated,
// too long, without the prefix or a field) are refused locally, all others are passed on unchanged; PAC decides.
//
// Refused, because the code cannot cover them: methods other than GET, POST, PUT and DELETE; a GET with a body, with a repeated parameter
// or one without "=", and one whose query cannot be decoded. The path is not covered at all.
//
// # Callbacks
//
// A callback is a hint: its body is not signed and may be old. So what a function of [CallbackConfig] gets in Registration or Operation is
// the state read after the callback came; when that cannot be read, the response is 503 and PAC tries again, if its MaxAttempts (default
// 1) lets it. What PAC no longer finds is handed over as NotFound. The vendor itself says that callbacks may be lost: sweep open
// registrations and operations as well.
//
// With a [identkit.Notifier] in the client's Options, callbacks make [Operations.Wait] and [Registrations.WaitFor] read again at once:
//
//	cfg, err := powerauth.ConfigFromEnv()
//	cfg.Options.Notifier = identkit.NewNotifier() // for one process
//	client, err := powerauth.New(cfg)
//	callbacks, err := powerauth.NewCallbackHandler(powerauth.CallbackConfig{
//		Verify: verifier, Client: client,
//		HandleUnknown: func(context.Context, powerauth.UnknownCallback) error { return nil },
//	})
//	mux.Handle("POST /callbacks/powerauth", callbacks)
//	op, err = client.Operations.Wait(ctx, op.ID, identkit.WaitPolicy{}) // an approval is seen as soon as its callback was handled
//
// Whoever else learns of a change notifies [OperationKey] or [RegistrationKey].
//
// Repeated deliveries are known by the Idempotency-Key header (PAC 1.9 and later). Without it, every delivery is handed
// over with the state that was read: nothing tells a repeated one from the next change of a device that is blocked, unblocked and blocked,
// so the functions must be idempotent. The header is not covered by the
// authentication, and need not be: it says that PAC sent the whole request.
package powerauth
