package powerauth

import (
	"context"
	"net/http"

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

func (c *OfflineQRCode) check() error {
	return required("operationQrCodeData", c.Data, "nonce", c.Nonce)
}

type offlineQRInput struct {
	id     OperationID
	device RegistrationID
}

func (in *offlineQRInput) request(r *transport.Request) {
	operationPath(&in.id, r)
	r.Text("registrationId", string(in.device), 0)
	r.AddQuery("registrationId", string(in.device))
}

var offlineQR = transport.Op[offlineQRInput, OfflineQRCode]{
	Name: "powerauth.Operations.OfflineQR", Method: http.MethodGet, Path: "/v2/operations/{operationId}/offline/qr",
	Retry:   identkit.RetrySafe,
	Request: (*offlineQRInput).request,
	Check:   (*OfflineQRCode).check,
}

// OfflineQR makes the QR code of an operation for one device, which need not have network. The phone shows a code in return, for
// [Operations.VerifyOfflineOTP].
//
// Errors: [identkit.ErrNotFound] for an unknown operation or registration. Safe to repeat, but each call may give another nonce
// (assumed from the engine): keep the one that belongs to the QR code shown.
//
// Source: vendor tutorial, API-Operations, vendor test suites; checked 2026-11.
func (s Operations) OfflineQR(ctx context.Context, id OperationID, device RegistrationID, opts ...identkit.CallOption) (*OfflineQRCode, error) {
	return offlineQR.Do(ctx, s.client, offlineQRInput{id, device}, opts)
}

// VerifyOfflineOTPParams asks whether the code that a user copied from the phone approves an operation.
type VerifyOfflineOTPParams struct {
	// OTP is the code, two groups of digits: "12345678-12345678". Required. [protocol.NormalizeOfflineOTP] puts what users type into
	// that form; whether PAC accepts others is undocumented.
	OTP identkit.Secret `json:"otp"`
	// Nonce is that of the QR code the user saw. Required.
	Nonce string `json:"nonce"`
	// RegistrationID is the device the QR code was made for. Required.
	RegistrationID RegistrationID `json:"registrationId"`
}

const maxOfflineOTP = 128 // characters

type offlineOTPInput struct {
	VerifyOfflineOTPParams
	id OperationID
}

func (in *offlineOTPInput) request(r *transport.Request) {
	operationPath(&in.id, r)
	r.Text("otp", in.OTP.Reveal(), maxOfflineOTP)
	nonce, err := pacrypto.DecodeBase64(in.Nonce)
	r.That(err == nil && len(nonce) == pacrypto.NonceSize, "nonce", "is not Base64 of 16 bytes; give that of the QR code")
	r.Text("registrationId", string(in.RegistrationID), 0)
	r.JSON(in.VerifyOfflineOTPParams)
}

// OfflineOTPResult is what [Operations.VerifyOfflineOTP] gives.
type OfflineOTPResult struct {
	identkit.Raw `json:"-"`
	Verification
}

func (r *OfflineOTPResult) check() error {
	r.Valid = string(wire.Member(r.RawJSON(), "otpValid")) == "true"
	r.complete(r.RawJSON)
	return nil
}

func sameDevice(in *offlineOTPInput, r *OfflineOTPResult) error {
	if !r.Valid || r.RegistrationID == "" {
		return nil
	}
	return transport.Same("registrationId", in.RegistrationID, r.RegistrationID)
}

// ParseOfflineOTPResult reads a result back from what its RawJSON gave, by the rules of [Operations.VerifyOfflineOTP].
func ParseOfflineOTPResult(raw []byte) (*OfflineOTPResult, error) {
	return verifyOfflineOTP.Parse(codec, raw)
}

var verifyOfflineOTP = transport.Op[offlineOTPInput, OfflineOTPResult]{
	Name: "powerauth.Operations.VerifyOfflineOTP", Method: http.MethodPost, Path: "/v2/operations/{operationId}/offline/otp",
	Retry:     identkit.RetryIfNotProcessed, // counts failed attempts, moves the counter, ends the operation
	Verdicts:  []string{"otpValid"},
	AfterLoss: "Operations.Get says whether it was approved",
	Request:   (*offlineOTPInput).request,
	Check:     (*OfflineOTPResult).check,
	Same:      sameDevice,
}

// VerifyOfflineOTP checks the code that the phone showed for a QR code of [Operations.OfflineQR], and uses it up. A right code
// approves the operation; a wrong one counts as a failed attempt of operation and device.
//
// A wrong code is no error but a result with Valid false. Errors: [identkit.ErrRejected] with code [CodeOTPInvalid] for a malformed
// code (older deployments: a wrong one); [identkit.ErrNotFound] and [identkit.ErrConflict] for an operation that is unknown or no
// longer pending; [identkit.ErrBadResponse] for a response without a verdict, or about another device.
//
// Not safe to repeat. After [identkit.ErrOutcomeUnknown], Get says whether the operation was approved.
//
// Source: vendor tutorial, API-Operations, vendor test suites; checked 2026-11.
func (s Operations) VerifyOfflineOTP(ctx context.Context, id OperationID, in VerifyOfflineOTPParams, opts ...identkit.CallOption) (*OfflineOTPResult, error) {
	return verifyOfflineOTP.Do(ctx, s.client, offlineOTPInput{in, id}, opts)
}
