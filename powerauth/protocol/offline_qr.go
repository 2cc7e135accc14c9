package protocol

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
)

var (
	// ErrOfflineQR is the error of a text that is not the QR text of an offline operation. Errors never repeat the text.
	ErrOfflineQR = errors.New("powerauth: not an offline operation QR text")
	// ErrOfflineOTP is the error of a typed offline code with a wrong number of digits, or other characters in it.
	ErrOfflineOTP = errors.New("powerauth: offline code malformed")
)

// OfflineQR is the content of the QR code of an offline operation, operationQrCodeData. A backend shows that text as it
// came; this is for reading and verifying it.
//
// Source: wultra/powerauth-webflow, docs/Off-line-Signatures-QR-Code.md; wultra/powerauth-server,
// docs/Offline-Signatures.md; parser tests of wultra/mtoken-sdk-ios; checked 2026-11.
type OfflineQR struct {
	OperationID OperationID
	// Title and Message have their escapes resolved.
	Title, Message string
	// DataText is the operation data as it stands in the text, which is what the phone's code covers.
	DataText string
	// Data is DataText, parsed.
	Data OperationData
	// Flags says how the app is to behave.
	Flags OfflineFlags
	// ExtraLines are the lines between flags and nonce. The first is the proximity code, see [OfflineQR.ProximityOTP]; the format
	// reserves the others for later versions.
	ExtraLines []string
	// Nonce is Base64 of 16 bytes. It belongs to this QR code: it is needed to verify the user's code.
	Nonce string
	// KeyType says which key signed.
	KeyType OfflineKey
	// Signature is DER of an ECDSA P-256 signature with SHA-256, or the 32 bytes of a MAC.
	Signature []byte

	signed string
}

// OfflineFlags are the flags of an offline operation, a letter each, in any order. Unknown letters are kept.
type OfflineFlags string

// Has reports whether the flag is set.
func (f OfflineFlags) Has(flag OfflineFlag) bool {
	return flag != "" && strings.Contains(string(f), string(flag))
}

// OfflineFlag is one flag of an offline operation.
type OfflineFlag string

// The flags known so far.
const (
	OfflineFlagBiometry     OfflineFlag = "B" // biometry may replace the PIN
	OfflineFlagFlipButtons  OfflineFlag = "X" // approve and reject change places
	OfflineFlagFraudWarning OfflineFlag = "F" // the app warns of fraud
	OfflineFlagBlockOnCall  OfflineFlag = "C" // no approval during a phone call
)

// OfflineKey says which key signed an offline operation.
type OfflineKey string

// The keys. OfflineKeyMAC is undocumented; the vendor's newest phone parser reads it, with a MAC of 32 bytes.
const (
	OfflineKeyMaster       OfflineKey = "0" // the application's master server key
	OfflineKeyPersonalized OfflineKey = "1" // the server's key of this registration
	OfflineKeyMAC          OfflineKey = "2" // protocol 4: a symmetric key of this registration
)

const (
	maxOfflineQR = 8 << 10
	// Lines before the extra ones, and after them.
	offlineHeadLines, offlineTailLines = 5, 2
	// The sizes of a signature that the phone accepts, in bytes.
	minSignature, maxSignature, macSize = 64, 255, 32
)

// ParseOfflineQR reads the text as the phone does: it refuses a missing id or nonce, malformed operation data, control
// characters, unknown key types and signatures of an impossible size, and keeps lines it does not know before the
// nonce. The signature is read, not verified: see [OfflineQR.Verify]. The error is [ErrOfflineQR], beside
// [ErrOperationData] when the data are at fault; at most 8 KiB are read.
func ParseOfflineQR(s string) (*OfflineQR, error) {
	if len(s) > maxOfflineQR || !utf8.ValidString(s) {
		return nil, fmt.Errorf("%w: too long or not UTF-8", ErrOfflineQR)
	}
	lines := strings.Split(s, "\n")
	n := len(lines)
	if n < offlineHeadLines+offlineTailLines {
		return nil, fmt.Errorf("%w: too few lines", ErrOfflineQR)
	}
	last := lines[n-1]
	if last == "" {
		return nil, fmt.Errorf("%w: no signature", ErrOfflineQR)
	}
	q := &OfflineQR{
		OperationID: OperationID(lines[0]),
		Title:       unescapeText.Replace(lines[1]),
		Message:     unescapeText.Replace(lines[2]),
		DataText:    lines[3],
		Flags:       OfflineFlags(lines[4]),
		ExtraLines:  lines[offlineHeadLines : n-offlineTailLines : n-offlineTailLines],
		Nonce:       lines[n-2],
		KeyType:     OfflineKey(last[:1]),
		signed:      s[:len(s)-len(last)+1],
	}
	var err error
	if q.Signature, err = pacrypto.DecodeBase64(last[1:]); err != nil {
		return nil, fmt.Errorf("%w: the signature is not Base64", ErrOfflineQR)
	}
	if q.Data, err = ParseOperationData(q.DataText); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOfflineQR, err)
	}
	if slices.ContainsFunc(lines, hasControl) {
		return nil, fmt.Errorf("%w: control characters", ErrOfflineQR)
	}
	if err := q.validate(); err != nil {
		return nil, err
	}
	return q, nil
}

// ProximityOTP returns the proximity code that the text carries: 8 digits, or empty.
func (q *OfflineQR) ProximityOTP() string {
	if len(q.ExtraLines) > 0 && isDigits(q.ExtraLines[0], otpDigits) {
		return q.ExtraLines[0]
	}
	return ""
}

// SignedText returns what the signature covers: the text up to and including the character of the key type. It is empty
// for a value that did not come from [ParseOfflineQR].
func (q *OfflineQR) SignedText() string { return q.signed }

// Verify verifies the signature with the public part of the key that KeyType names. It returns nil only for a good one,
// otherwise [ErrSignature]; also for [OfflineKeyMAC], which no public key can verify.
func (q *OfflineQR) Verify(key PublicKey) error {
	if q.signed == "" || q.KeyType == OfflineKeyMAC || !pacrypto.Verify(key.key, []byte(q.signed), q.Signature) {
		return ErrSignature
	}
	return nil
}

func (q *OfflineQR) validate() error {
	if q.OperationID == "" {
		return fmt.Errorf("%w: no operation id", ErrOfflineQR)
	}
	if nonce, err := pacrypto.DecodeBase64(q.Nonce); err != nil || len(nonce) != pacrypto.NonceSize {
		return fmt.Errorf("%w: the nonce is not Base64 of %d bytes", ErrOfflineQR, pacrypto.NonceSize)
	}
	switch size := len(q.Signature); {
	case q.KeyType == OfflineKeyMAC && size == macSize:
		return nil
	case (q.KeyType == OfflineKeyMaster || q.KeyType == OfflineKeyPersonalized) && size >= minSignature && size <= maxSignature:
		return nil
	}
	return fmt.Errorf("%w: unknown key type, or a signature of impossible size", ErrOfflineQR)
}

const (
	offlineFactors = 2
	minOTPDigits   = 4
	maxOTPTyped    = 128
)

// NormalizeOfflineOTP puts the code that a user copied from the phone, often shown as four groups of four, into the
// form that the provider expects: two groups of digits joined by a dash, "12345678-12345678". Spaces and dashes may stand
// anywhere; other characters, and too few or too many digits, are [ErrOfflineOTP]. So a typing error costs the
// user none of the attempts that the provider counts.
//
// Digits is the length of one group, 4 to 8; zero means 8, the default of the provider. Whether the provider tolerates
// other forms is not documented.
func NormalizeOfflineOTP(typed string, digits int) (identkit.Secret, error) {
	if digits == 0 {
		digits = otpDigits
	}
	if digits < minOTPDigits || digits > otpDigits {
		return "", fmt.Errorf("%w: a group has %d to %d digits", ErrOfflineOTP, minOTPDigits, otpDigits)
	}
	if len(typed) > maxOTPTyped {
		return "", fmt.Errorf("%w: too long", ErrOfflineOTP)
	}
	bare := strings.NewReplacer("-", "", " ", "").Replace(strings.TrimSpace(typed))
	if !isDigits(bare, digits*offlineFactors) {
		return "", fmt.Errorf("%w: it has %d digits", ErrOfflineOTP, digits*offlineFactors)
	}
	return identkit.Secret(bare[:digits] + "-" + bare[digits:]), nil
}
