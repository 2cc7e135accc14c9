package protocol

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/internal/wire"
)

// ErrProximityDeeplink is the error of a text that carries no operation for a proximity check, or of values that cannot be
// written as one. Errors never repeat the text.
var ErrProximityDeeplink = errors.New("powerauth: not a proximity deeplink")

// ProximityDeeplink names the operation that a phone opens, with a code that changes every 30 seconds: a phone that sends it
// has seen the screen on which the user started the operation. Show it as a QR code or link in one of three forms:
// [ProximityDeeplink.URL], [ProximityDeeplink.CodeURL] or [ProximityDeeplink.JWT].
//
// Source: parser and tests of wultra/mtoken-sdk-ios (WMTPACUtils), checked 2026-11.
type ProximityDeeplink struct {
	// OperationID is the operation's id: printable ASCII without spaces, at most 256 characters.
	OperationID OperationID
	// OTP is the operation's proximityOtp: 8 digits, or empty when the operation has no proximity check. Read the operation again
	// for the next one.
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
	text := prefix + "oid=" + strings.ReplaceAll(url.QueryEscape(string(d.OperationID)), "+", "%20")
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

// JWT returns the bare token: header and payload, each in Base64, joined by a dot. It is not signed; what a phone is checked by
// is the code inside.
func (d ProximityDeeplink) JWT() (string, error) {
	if err := d.validate(); err != nil {
		return "", err
	}
	payload, err := wire.Marshal(proximityClaims{OperationID: d.OperationID, OTP: d.OTP.Reveal()})
	if err != nil {
		return "", fmt.Errorf("%w: payload", ErrProximityDeeplink)
	}
	const header = `{"alg":"none","type":"JWT"}` // the vendor's spelling; phones do not read it
	return pacrypto.EncodeBase64([]byte(header)) + "." + pacrypto.EncodeBase64(payload), nil
}

// ParseProximityDeeplink reads any of the three forms, as the phone does; it also reads the older parameter name totp,
// any host, and Base64 in its URL form or without padding. A code must have 8 digits. The error is [ErrProximityDeeplink].
func ParseProximityDeeplink(text string) (ProximityDeeplink, error) {
	if len(text) > maxProximityText {
		return ProximityDeeplink{}, fmt.Errorf("%w: too long", ErrProximityDeeplink)
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return parseProximityJWT(text)
	}
	_, query, ok := strings.Cut(rest, "?")
	if !ok || !schemeForm.MatchString(scheme) {
		return ProximityDeeplink{}, fmt.Errorf("%w: no scheme or no query", ErrProximityDeeplink)
	}
	query, _, _ = strings.Cut(query, "#")
	values, err := proximityQuery(query)
	if err != nil {
		return ProximityDeeplink{}, err
	}
	if _, ok := values["oid"]; !ok {
		return parseProximityJWT(values["code"])
	}
	return proximityClaims{OperationID(values["oid"]), values["potp"], values["totp"]}.deeplink()
}

func (d ProximityDeeplink) prefix(scheme string) (string, error) {
	if !schemeForm.MatchString(scheme) {
		return "", fmt.Errorf("%w: not a URL scheme", ErrProximityDeeplink)
	}
	if err := d.validate(); err != nil {
		return "", err
	}
	return scheme + "://" + deeplinkHost + "?", nil
}

func (d ProximityDeeplink) validate() error {
	if d.OperationID == "" || len(d.OperationID) > maxProximityID {
		return fmt.Errorf("%w: the operation id has 1 to %d characters", ErrProximityDeeplink, maxProximityID)
	}
	if strings.ContainsFunc(string(d.OperationID), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%w: the operation id is printable ASCII", ErrProximityDeeplink)
	}
	if d.OTP != "" && !isDigits(d.OTP.Reveal(), otpDigits) {
		return fmt.Errorf("%w: the code has %d digits", ErrProximityDeeplink, otpDigits)
	}
	return nil
}

// proximityClaims are what a link or a token holds.
type proximityClaims struct {
	OperationID OperationID `json:"oid"`
	OTP         string      `json:"potp,omitzero"`
	OlderOTP    string      `json:"totp,omitzero"` // the same under its older name
}

func (c proximityClaims) deeplink() (ProximityDeeplink, error) {
	if c.OTP != "" && c.OlderOTP != "" && c.OTP != c.OlderOTP {
		return ProximityDeeplink{}, fmt.Errorf("%w: two different codes", ErrProximityDeeplink)
	}
	d := ProximityDeeplink{OperationID: c.OperationID, OTP: identkit.Secret(cmp.Or(c.OTP, c.OlderOTP))}
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
		if _, duplicate := values[name]; err != nil || duplicate {
			return nil, fmt.Errorf("%w: parameter %s malformed or duplicate", ErrProximityDeeplink, name)
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
		return ProximityDeeplink{}, fmt.Errorf("%w: two parts expected", ErrProximityDeeplink)
	}
	payload, err := decodeLooseBase64(parts[1])
	if err != nil {
		return ProximityDeeplink{}, err
	}
	var claims proximityClaims
	if err := wire.UnmarshalStrict(payload, &claims); err != nil {
		return ProximityDeeplink{}, fmt.Errorf("%w: payload is not the expected JSON", ErrProximityDeeplink)
	}
	return claims.deeplink()
}

// decodeLooseBase64 reads both alphabets, with or without padding.
func decodeLooseBase64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") { // which the decoder skips
		return nil, fmt.Errorf("%w: not Base64", ErrProximityDeeplink)
	}
	return b, nil
}

// schemeForm is that of RFC 3986.
var schemeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)
