package powerauth

import (
	"context"
	"net/http"
	"net/url"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// OfflineQRCode is a QR code by which a phone without network approves an operation.
type OfflineQRCode struct {
	identkit.Raw `json:"-"`

	// Data is the text to be put into the QR code, as it is. [protocol.ParseOfflineQR] reads it.
	Data string `json:"operationQrCodeData"`
	// Nonce belongs to this code and no other: keep it until the user has typed what the phone shows.
	Nonce string `json:"nonce"`
}

func (c *OfflineQRCode) finish(transport.Path) (*OfflineQRCode, error) {
	switch {
	case c.Data == "":
		return nil, transport.Missing("operationQrCodeData")
	case c.Nonce == "":
		return nil, transport.Missing("nonce")
	}
	return c, nil
}

var offlineQR = &transport.OldOperation{
	Name:   "powerauth.Operations.OfflineQR",
	Method: http.MethodGet, Path: "/v2/operations/{operationId}/offline/qr",
	Retry: transport.RetrySafe,
}

// OfflineQR makes the QR code of an operation for one device, which need not have network. The phone shows a code in return, for
// [Operations.VerifyOfflineOTP].
//
// Errors: [identkit.ErrNotFound] for an unknown operation or registration. Safe to repeat, but each call may give another nonce
// (assumed from the engine): keep the one that belongs to the QR code shown.
//
// Source: vendor tutorial, API-Operations, vendor test suites; checked 2026-11.
func (s Operations) OfflineQR(ctx context.Context, id OperationID, device RegistrationID, opts ...identkit.CallOption) (*OfflineQRCode, error) {
	return transport.Do(ctx, s.client, offlineQR, transport.Input{
		Path:  transport.Path{string(id)},
		Query: url.Values{"registrationId": {string(device)}},
		Check: func(c *transport.Check) { c.Text("registrationId", string(device), 0) },
	}, (*OfflineQRCode).finish, opts)
}

// VerifyOfflineOTPParams asks whether the code that a user copied from the phone approves an operation.
type VerifyOfflineOTPParams struct {
	// OTP is the code, two groups of digits: "12345678-12345678". Required. [protocol.NormalizeOfflineOTP] puts what users type into
	// that form; whether PAC accepts others is undocumented.
	OTP identkit.Secret
	// Nonce is that of the QR code the user saw. Required.
	Nonce string
	// RegistrationID is the device the QR code was made for. Required.
	RegistrationID RegistrationID
}

func (in *VerifyOfflineOTPParams) body() transport.Body {
	return transport.JSON(struct {
		OTP            string         `json:"otp"`
		Nonce          string         `json:"nonce"`
		RegistrationID RegistrationID `json:"registrationId"`
	}{in.OTP.Reveal(), in.Nonce, in.RegistrationID})
}

const maxOfflineOTP = 128 // characters

func (in *VerifyOfflineOTPParams) check(c *transport.Check) {
	c.Text("otp", in.OTP.Reveal(), maxOfflineOTP)
	nonce, err := pacrypto.DecodeBase64(in.Nonce)
	c.That(err == nil && len(nonce) == pacrypto.NonceSize, "nonce", "is not Base64 of 16 bytes; give the one that came with the QR code")
	c.Text("registrationId", string(in.RegistrationID), 0)
}

// OfflineOTPResult is what [Operations.VerifyOfflineOTP] gives.
type OfflineOTPResult struct {
	identkit.Raw `json:"-"`
	Verification
}

type offlineAnswer struct {
	verificationAnswer
	Valid wire.Verdict `json:"otpValid"`
}

func (w *offlineAnswer) finish(device RegistrationID) (*OfflineOTPResult, error) {
	if !w.Valid.Given() {
		return nil, transport.Missing("otpValid")
	}
	r := &OfflineOTPResult{Verification: w.verification(w.Valid)}
	if r.Valid && r.RegistrationID != "" {
		return r, transport.Same("registrationId", string(device), string(r.RegistrationID))
	}
	return r, nil
}

var verifyOfflineOTP = &transport.OldOperation{
	Name:   "powerauth.Operations.VerifyOfflineOTP",
	Method: http.MethodPost, Path: "/v2/operations/{operationId}/offline/otp",
	Retry: transport.RetryIfNotProcessed, // counts failed attempts, moves the counter, ends the operation
}

// VerifyOfflineOTP checks the code that the phone showed for a QR code of [Operations.OfflineQR], and uses it up. A right code
// approves the operation; a wrong one counts as a failed attempt of operation and device.
//
// A wrong code is no error but a result with Valid false. Errors: [identkit.ErrRejected] with code [CodeOTPInvalid] for a malformed
// code (older deployments: a wrong one); [identkit.ErrNotFound] and [identkit.ErrConflict] for an operation that is unknown or no
// longer pending; [identkit.ErrBadResponse] for an answer without a verdict, or about another
// device.
//
// Not safe to repeat. After [identkit.ErrOutcomeUnknown], Get says whether the operation was approved.
//
// Source: vendor tutorial, API-Operations, vendor test suites; checked 2026-11.
func (s Operations) VerifyOfflineOTP(ctx context.Context, id OperationID, in VerifyOfflineOTPParams, opts ...identkit.CallOption) (*OfflineOTPResult, error) {
	return transport.Do(ctx, s.client, verifyOfflineOTP, transport.Input{Path: transport.Path{string(id)}, Body: in.body(), Check: in.check},
		func(w *offlineAnswer, _ transport.Path) (*OfflineOTPResult, error) {
			return w.finish(in.RegistrationID)
		}, opts)
}
