package powerauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
)

var (
	// ErrProximity is the error of a text that carries no operation for a proximity check, or of values that cannot be
	// written as one. Errors never repeat the text.
	ErrProximity = errors.New("powerauth: not a proximity deeplink")
	// ErrProximitySeed is the error of a seed shorter than 16 bytes.
	ErrProximitySeed = errors.New("powerauth: proximity seed too short")
)

// ProximityOTP computes the proximity code of an instant: RFC 6238, HMAC-SHA-256, 8 digits, 30-second steps. It is for
// tests and fakes: the seed never leaves the provider, and a backend shows the proximityOtp it reads, reading again
// when the 30 seconds are over. The error is [ErrProximitySeed].
//
// Source: wultra/powerauth-crypto, class Totp and its test vectors, checked 2026-11.
func ProximityOTP(seed []byte, at time.Time) (string, error) {
	otp, err := pacrypto.TOTP(seed, at)
	if err != nil {
		return "", ErrProximitySeed
	}
	return otp, nil
}

// VerifyProximityOTP reports whether otp belongs to the step of at or to the one before it, which is what the provider
// accepts. It is false for a seed that is too short. Like [ProximityOTP] it is for tests and fakes.
func VerifyProximityOTP(seed []byte, otp string, at time.Time) bool {
	return pacrypto.VerifyTOTP(seed, otp, at)
}

// ProximityDeeplink tells a phone which operation to open, and proves by a code of the moment that the phone sees the
// screen on which the user started it. Show it as a QR code or link in one of three forms: [ProximityDeeplink.URL],
// [ProximityDeeplink.CodeURL] or [ProximityDeeplink.JWT].
//
// Source: parser and tests of wultra/mtoken-sdk-ios (WMTPACUtils), checked 2026-11.
type ProximityDeeplink struct {
	// OperationID is the operation's id: printable ASCII without spaces, at most 256 characters.
	OperationID string
	// OTP is the operation's proximityOtp: 8 digits, or empty when the operation has no proximity check.
	OTP identkit.Secret
}

const (
	maxProximityText = 4096
	maxProximityID   = 256
	otpDigits        = 8
	deeplinkHost     = "operation"
)

// URL returns scheme://operation?oid=…&potp=…, the values percent-encoded. The scheme is the one the app registered.
func (d ProximityDeeplink) URL(scheme string) (string, error) {
	prefix, err := d.prefix(scheme)
	if err != nil {
		return "", err
	}
	text := prefix + "oid=" + percentEncode(d.OperationID)
	if d.OTP != "" {
		text += "&potp=" + d.OTP.Reveal()
	}
	return text, nil
}

// CodeURL returns scheme://operation?code=…, with [ProximityDeeplink.JWT] as the code.
func (d ProximityDeeplink) CodeURL(scheme string) (string, error) {
	prefix, err := d.prefix(scheme)
	if err != nil {
		return "", err
	}
	jwt, err := d.JWT()
	if err != nil {
		return "", err
	}
	// The slash and the padding stay bare, as in the vendor's sample: its parser does not decode them everywhere.
	return prefix + "code=" + strings.ReplaceAll(jwt, "+", "%2B"), nil
}

// JWT returns the bare token: an unsigned header and the payload, each in Base64, joined by a dot. There is no
// signature; the code inside is the proof.
func (d ProximityDeeplink) JWT() (string, error) {
	if err := d.validate(); err != nil {
		return "", err
	}
	payload, err := json.Marshal(struct {
		OperationID string `json:"oid"`
		OTP         string `json:"potp,omitzero"`
	}{d.OperationID, d.OTP.Reveal()})
	if err != nil {
		return "", fmt.Errorf("%w: payload", ErrProximity)
	}
	const header = `{"alg":"none","type":"JWT"}` // the vendor's spelling; phones do not read it
	return pacrypto.EncodeBase64([]byte(header)) + "." + pacrypto.EncodeBase64(payload), nil
}

// ParseProximityDeeplink reads any of the three forms, as the phone does; it also takes the older parameter name totp,
// any host, and Base64 in its URL form or without padding. A code must have 8 digits. The error is [ErrProximity].
func ParseProximityDeeplink(text string) (ProximityDeeplink, error) {
	if len(text) > maxProximityText {
		return ProximityDeeplink{}, fmt.Errorf("%w: too long", ErrProximity)
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return parseProximityJWT(text)
	}
	_, query, ok := strings.Cut(rest, "?")
	if !ok || !validScheme(scheme) {
		return ProximityDeeplink{}, fmt.Errorf("%w: no scheme or no query", ErrProximity)
	}
	query, _, _ = strings.Cut(query, "#")
	values, err := proximityQuery(query)
	if err != nil {
		return ProximityDeeplink{}, err
	}
	if _, ok := values["oid"]; !ok {
		return parseProximityJWT(values["code"])
	}
	return newProximityDeeplink(values["oid"], values["potp"], values["totp"])
}

func (d ProximityDeeplink) prefix(scheme string) (string, error) {
	if !validScheme(scheme) {
		return "", fmt.Errorf("%w: not a URL scheme", ErrProximity)
	}
	if err := d.validate(); err != nil {
		return "", err
	}
	return scheme + "://" + deeplinkHost + "?", nil
}

func (d ProximityDeeplink) validate() error {
	if d.OperationID == "" || len(d.OperationID) > maxProximityID {
		return fmt.Errorf("%w: the operation id has 1 to %d characters", ErrProximity, maxProximityID)
	}
	for i := range len(d.OperationID) {
		if c := d.OperationID[i]; c <= ' ' || c > '~' {
			return fmt.Errorf("%w: the operation id is printable ASCII", ErrProximity)
		}
	}
	if d.OTP != "" && !isDigits(d.OTP.Reveal(), otpDigits) {
		return fmt.Errorf("%w: the code has %d digits", ErrProximity, otpDigits)
	}
	return nil
}

func newProximityDeeplink(id, potp, totp string) (ProximityDeeplink, error) {
	if potp != "" && totp != "" && potp != totp {
		return ProximityDeeplink{}, fmt.Errorf("%w: two different codes", ErrProximity)
	}
	if potp == "" {
		potp = totp
	}
	d := ProximityDeeplink{OperationID: id, OTP: identkit.Secret(potp)}
	if err := d.validate(); err != nil {
		return ProximityDeeplink{}, err
	}
	return d, nil
}

// proximityQuery decodes the parameters it knows. A plus stays a plus: ids and codes may hold one, and the phone does
// not read it as a space.
func proximityQuery(query string) (map[string]string, error) {
	values := make(map[string]string)
	for pair := range strings.SplitSeq(query, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		switch name {
		case "oid", "potp", "totp", "code":
		default:
			continue
		}
		value, err := url.PathUnescape(raw)
		if _, twice := values[name]; err != nil || twice {
			return nil, fmt.Errorf("%w: parameter %s malformed or repeated", ErrProximity, name)
		}
		values[name] = value
	}
	return values, nil
}

// parseProximityJWT reads the payload and ignores the header, as the phone does.
func parseProximityJWT(token string) (ProximityDeeplink, error) {
	parts := strings.Split(token, ".")
	if len(parts) == 3 && parts[2] == "" {
		parts = parts[:2]
	}
	if len(parts) != 2 {
		return ProximityDeeplink{}, fmt.Errorf("%w: two parts expected", ErrProximity)
	}
	payload, err := decodeLooseBase64(parts[1])
	if err != nil {
		return ProximityDeeplink{}, err
	}
	var claims struct {
		OperationID string `json:"oid"`
		POTP        string `json:"potp"`
		TOTP        string `json:"totp"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ProximityDeeplink{}, fmt.Errorf("%w: payload is not the expected JSON", ErrProximity)
	}
	return newProximityDeeplink(claims.OperationID, claims.POTP, claims.TOTP)
}

// decodeLooseBase64 takes both alphabets, with or without padding.
func decodeLooseBase64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	if strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("%w: not Base64", ErrProximity)
	}
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%w: not Base64", ErrProximity)
	}
	return b, nil
}

func percentEncode(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// validScheme follows RFC 3986: a letter, then letters, digits, "+", "-" or ".".
func validScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		later := '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'
		if !letter && (i == 0 || !later) {
			return false
		}
	}
	return s != ""
}

func isDigits(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789") == ""
}
