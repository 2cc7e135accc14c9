// Package iproovtest simulates iProov in tests, sandboxes and examples.
//
//	srv := iproovtest.NewServer(t)
//	client := srv.Client()
//	claim, err := client.Enrol.CreateToken(ctx, iproov.CreateTokenParams{UserID: "u-1", Resource: "acme-onboarding"})
//	err = srv.Complete(claim.Token, iproovtest.Pass()) // simulates the phone
//	v, err := client.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: iproov.ValidateParams{
//		Token: claim.Token, UserID: "u-1", Client: userAgent,
//	}})
//
// The fake holds users, claims and access tokens, which expire by its own clock: a scan must start within two minutes, its verdict
// can be fetched once, an access token lasts an hour or 50 requests. It checks credentials and requests, multipart bodies included,
// as strictly as the contract does, and simulates both variants where the documents disagree (see [Dialect]). Faults are injected
// by rule (package identkittest); the journal shows the requests.
//
// [RunJourneyTests] are acceptance tests for the Save that journeys need.
//
// It is reached over a socket (NewServer, Start), without one (Transport, which also works inside testing/synctest), as an
// http.Handler, or behind httpmock (Responder).
package iproovtest
