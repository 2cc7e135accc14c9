package iproov

import (
	"context"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Verify compares faces with the known ones: client.Verify.
type Verify struct {
	client       *transport.Client
	textVerdicts bool
}

var verifyToken = transport.Op[tokenInput, Claim]{
	Name: "iproov.Verify.CreateToken", Method: http.MethodPost, Path: "/claim/verify/token",
	Retry:   identkit.RetrySafe, // a claim that is not started is forgotten
	Request: (*tokenInput).request,
	Check:   (*Claim).check,
	Same:    (*tokenInput).same,
}

// CreateToken makes a claim to verify an active user. Launch the SDK with it.
//
// Errors: [identkit.ErrNotFound] with no_user or invalid_user_id for a user who is not enrolled; [identkit.ErrConflict] with
// inactive_user for one who is suspended; [identkit.ErrForbidden] with invalid_assurance_type; [identkit.ErrRateLimited].
//
// Safe to repeat, as [Enrol.CreateToken].
// Source: Swagger file 2.13, verify-users page; checked 2026-11.
func (s Verify) CreateToken(ctx context.Context, in CreateTokenParams, opts ...identkit.CallOption) (*Claim, error) {
	return createToken(ctx, s.client, &verifyToken, TypeVerify, in, opts)
}

var verifyValidate = transport.Op[validateInput, Validation]{
	Name: "iproov.Verify.Validate", Method: http.MethodPost, Path: "/claim/verify/validate",
	Retry:     identkit.RetryIfNotProcessed, // the verdict is given once
	Unmetered: true,
	Verdicts:  []string{"passed"},
	AfterLoss: verdictLost,
	Request:   (*validateInput).request,
	Check:     (*Validation).check,
	Same:      sameClaim(TypeVerify),
}

// Validate fetches the verdict of a verification scan, once.
//
// Look at Passed: a scan that did not pass is no error. Errors: [identkit.ErrConflict] with invalid_token when the
// token is wrong, was validated before or its scan has not ended; the three cannot be distinguished, so treat it as final.
//
// Not safe to repeat: the verdict is given once. After [identkit.ErrOutcomeUnknown] it may be lost; start again with a new claim.
// Source: Swagger file 2.13, verify-users page; checked 2026-11.
func (s Verify) Validate(ctx context.Context, in ValidateParams, opts ...identkit.CallOption) (*Validation, error) {
	return verifyValidate.Do(ctx, s.client, validateInput{ValidateParams: in, textVerdicts: s.textVerdicts}, opts)
}
