package iproov

import (
	"context"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Enrol makes faces known, by a scan (CreateToken, Validate) or from a trusted photo (CreateToken, Image, then a verification): client.Enrol.
type Enrol struct {
	client       *transport.Client
	textVerdicts bool
	maxImage     int64
}

var enrolToken = transport.Op[tokenInput, Claim]{
	Name: "iproov.Enrol.CreateToken", Method: http.MethodPost, Path: "/claim/enrol/token",
	Retry:   identkit.RetrySafe, // a claim that is not started is forgotten
	Request: (*tokenInput).request,
	Check:   (*Claim).check,
	Same:    (*tokenInput).same,
}

// CreateToken makes a claim to enrol a user who is not enrolled yet. Launch the SDK with it, or send a photo for it with [Enrol.Image].
//
// Errors: [identkit.ErrConflict] with already_enrolled when the user is known: verify instead, or delete the user first;
// [identkit.ErrForbidden] with invalid_assurance_type; [identkit.ErrRateLimited] over the contracted rate.
//
// Safe to repeat: each call makes another claim, and one that is not started has no effect but counts towards the rate.
// Source: Swagger file 2.13, capture-enrol and photo-enrol pages; checked 2026-11.
func (s Enrol) CreateToken(ctx context.Context, in CreateTokenParams, opts ...identkit.CallOption) (*Claim, error) {
	return createToken(ctx, s.client, &enrolToken, TypeEnrol, in, opts)
}

var enrolValidate = transport.Op[validateInput, Validation]{
	Name: "iproov.Enrol.Validate", Method: http.MethodPost, Path: "/claim/enrol/validate",
	Retry:     identkit.RetryIfNotProcessed, // the verdict is given once
	Unmetered: true,
	Verdicts:  []string{"passed"},
	AfterLoss: verdictLost,
	Request:   (*validateInput).request,
	Check:     (*Validation).check,
	Same:      sameClaim(TypeEnrol),
}

// Validate fetches the verdict of an enrolment scan, once, and makes the user active. Without it the user stays unusable. Use it
// for scans only: a user enrolled from a photo is validated by a verification.
//
// Look at Passed: a scan that did not pass is no error. Errors: [identkit.ErrConflict] with invalid_token when the
// token is wrong, was validated before or its scan has not ended; the three cannot be distinguished, so treat it as final.
//
// Not safe to repeat: the verdict is given once. After [identkit.ErrOutcomeUnknown] it may be lost; delete the user if there is
// one now, and start again with a new claim.
// Source: Swagger file 2.13, capture-enrol page; checked 2026-11.
func (s Enrol) Validate(ctx context.Context, in ValidateEnrolmentParams, opts ...identkit.CallOption) (*Validation, error) {
	return enrolValidate.Do(ctx, s.client, validateInput{in.ValidateParams, in.LeaveSuspended, s.textVerdicts}, opts)
}
