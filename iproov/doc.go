// Package iproov is a client of the iProov REST API v2, the backend side of face verification: a user's face is enrolled by a scan
// or from a trusted photo, and later scans are verified against it.
//
//	client, err := iproov.New(iproov.Config{
//		Region:      iproov.RegionEU,
//		Credentials: iproov.Keys(apiKey, secret),
//	})
//	claim, err := client.Verify.CreateToken(ctx, iproov.CreateTokenParams{UserID: "u-1", Resource: "acme-login"})
//	// hand client.Launch(claim, iproov.PlatformAndroid) to the app; its SDK scans the face; the app says that it is done
//	v, err := client.Verify.Validate(ctx, iproov.ValidateParams{Token: claim.Token, UserID: "u-1", Client: userAgent})
//	if err == nil && v.Passed {
//		// let the user in
//	}
//
// What the app says is never a verdict: only Validate's Passed is, and Validate can be called once for a token. [Journeys] counts
// attempts, keeps the order of the calls, and fetches each verdict once, however often an app repeats its request.
//
// The user endpoints need a second set of credentials, [Config].OAuth, and are called with access tokens that last an hour or 50
// requests; the client fetches, counts and renews them.
//
// What is known of the API comes from the vendor's documentation, its Swagger file 2.13 and public clients, checked 2026-11; what
// is assumed is called so in the doc comments and listed in ASSUMPTIONS.md. Package iproovtest simulates iProov in tests.
package iproov
