// Package iproovtest plays iProov in tests, sandboxes and examples.
//
//	srv := iproovtest.NewServer(t)
//	client := srv.Client()
//	claim, err := client.Enrol.CreateToken(ctx, iproov.CreateTokenParams{UserID: "u-1", Resource: "acme-onboarding"})
//	err = srv.Complete(claim.Token, iproovtest.Pass()) // plays the phone
//	v, err := client.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: iproov.ValidateParams{
//		Token: claim.Token, UserID: "u-1", Client: userAgent,
//	}})
//
// The fake keeps users, claims and access tokens and lets them expire on its own clock: a token has two minutes to be started, its
// verdict is given once, an access token lasts an hour or 50 requests. It checks credentials and requests, multipart bodies
// included, as strictly as the contract says the vendor does, and simulates both variants of each point on which the documents disagree (see
// [Dialect]). Faults come by rule (package identkittest), the journal shows what came in.
//
// It is reached over a socket (NewServer, Start), without one (Transport, which also works inside testing/synctest), as an
// http.Handler, or behind httpmock (Responder).
package iproovtest
