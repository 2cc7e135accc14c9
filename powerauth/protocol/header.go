package protocol

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
)

// The names of the headers in which a phone authenticates its requests.
const (
	AuthorizationHeaderName = "X-PowerAuth-Authorization"
	TokenHeaderName         = "X-PowerAuth-Token"
)

// MaxHeaderLength is the longest value of either header that is read, in bytes. The limit is an assumption.
const MaxHeaderLength = 4 << 10

var (
	// ErrAuthorizationHeader is the error of a value that cannot be a valid X-PowerAuth-Authorization header. Errors
	// name the field at fault, never its value.
	ErrAuthorizationHeader = errors.New("powerauth: not a PowerAuth authorization header")
	// ErrTokenHeader is the same for X-PowerAuth-Token.
	ErrTokenHeader = errors.New("powerauth: not a PowerAuth token header")
)

// ActivationID identifies a device bound to a user, a UUID. The API of package powerauth calls it registration id; convert one
// into the other.
type ActivationID string

// ApplicationKey identifies a version of an app: Base64 of 16 bytes, as it came. Phones send it, and configurations hold it.
type ApplicationKey string

// TokenID identifies a token of a phone, a UUID.
type TokenID string

// AuthorizationHeader is the content of X-PowerAuth-Authorization: a phone's code over one request. None of it is
// authenticated until the provider has verified it; send the provider the header's text unchanged, and once.
//
// Source: PowerAuthAuthorizationHttpHeader and its validator in wultra/powerauth-crypto, checked 2026-11.
type AuthorizationHeader struct {
	ActivationID   ActivationID
	ApplicationKey ApplicationKey
	// Nonce is Base64 of 16 bytes.
	Nonce string
	// Factors are those the phone claims to have used, in lower case.
	Factors Factors
	// Code is pa_signature, or pa_auth_code since protocol 4.0.
	Code identkit.Secret
	// Version is the protocol: 3.0, 3.1, 3.2, 3.3 or 4.0.
	Version string
}

// ParseAuthorizationHeader reads the value of X-PowerAuth-Authorization, and refuses with [ErrAuthorizationHeader] what
// the provider could only refuse: a missing prefix, a missing or duplicate field, an unknown version or combination of
// factors, a wrong length. Commas and quotes are optional, the order is free, Base64 may lack its padding or
// have stray bits in it, unknown fields are skipped; at most [MaxHeaderLength] bytes are read.
//
// Protocol 4.0 has 32 bytes for each factor by the vendor's text and 16 by its test vectors; both are read.
func ParseAuthorizationHeader(value string) (*AuthorizationHeader, error) {
	fields, err := parseHeader(value, ErrAuthorizationHeader)
	if err != nil {
		return nil, err
	}
	h := &AuthorizationHeader{
		ActivationID:   ActivationID(fields["pa_activation_id"]),
		ApplicationKey: ApplicationKey(fields["pa_application_key"]),
		Nonce:          fields["pa_nonce"],
		Version:        fields["pa_version"],
	}
	codeName, typeName, ok := codeFields(h.Version)
	if !ok {
		return nil, fmt.Errorf("%w: pa_version missing or unknown", ErrAuthorizationHeader)
	}
	h.Code = identkit.Secret(fields[codeName])
	var errFactors error
	h.Factors, errFactors = ParseFactors(fields[typeName])
	if err := firstFault(ErrAuthorizationHeader,
		check{"pa_activation_id", isUUID(string(h.ActivationID))},
		check{"pa_application_key", isBase64Of(string(h.ApplicationKey), pacrypto.KeySize)},
		check{"pa_nonce", isBase64Of(h.Nonce, pacrypto.NonceSize)},
		check{typeName, errFactors == nil},
		check{codeName, h.codeFits()},
	); err != nil {
		return nil, err
	}
	return h, nil
}

// codeFits reports whether the code has the form of the version and the length of the factors.
func (h *AuthorizationHeader) codeFits() bool {
	code, n := h.Code.Reveal(), len(h.Factors.List())
	switch h.Version {
	case "3.0":
		parts := strings.Split(code, "-")
		return len(parts) == n && !slices.ContainsFunc(parts, func(p string) bool { return !isDigits(p, otpDigits) })
	case "4.0":
		return isBase64Of(code, 32*n) || isBase64Of(code, 16*n)
	}
	return isBase64Of(code, 16*n)
}

// codeFields names the fields that protocol 4 renamed.
func codeFields(version string) (code, kind string, known bool) {
	switch version {
	case "3.0", "3.1", "3.2", "3.3":
		return "pa_signature", "pa_signature_type", true
	case "4.0":
		return "pa_auth_code", "pa_auth_code_type", true
	}
	return "", "", false
}

// TokenHeader is the content of X-PowerAuth-Token, by which a phone shows that it holds a token, good for reading only. None of
// it is authenticated until the provider has verified it; send the provider the header's text unchanged, and once.
//
// Source: wultra/powerauth-crypto, docs/MAC-Token-Based-Authentication.md and the header's validator, checked 2026-11.
type TokenHeader struct {
	TokenID TokenID
	// Digest is Base64 of 32 bytes, computed with the token's secret. It can be replayed for a while: keep it out of logs.
	Digest identkit.Secret
	// Nonce is Base64 of 16 bytes.
	Nonce string
	// TimestampText is the time of the request as it stands in the header and enters the digest: epoch milliseconds,
	// 9 to 15 digits.
	TimestampText string
	// Version is the protocol: 3.0, 3.1, 3.2, 3.3 or 4.0.
	Version string
}

// ParseTokenHeader reads the value of X-PowerAuth-Token, as leniently as [ParseAuthorizationHeader] reads its header.
// The error is [ErrTokenHeader]. The age of the timestamp is not checked.
func ParseTokenHeader(value string) (*TokenHeader, error) {
	fields, err := parseHeader(value, ErrTokenHeader)
	if err != nil {
		return nil, err
	}
	h := &TokenHeader{
		TokenID:       TokenID(fields["token_id"]),
		Digest:        identkit.Secret(fields["token_digest"]),
		Nonce:         fields["nonce"],
		TimestampText: fields["timestamp"],
		Version:       fields["version"],
	}
	_, _, known := codeFields(h.Version)
	n := len(h.TimestampText)
	if err := firstFault(ErrTokenHeader,
		check{"token_id", isUUID(string(h.TokenID))},
		check{"token_digest", isBase64Of(h.Digest.Reveal(), 32)},
		check{"nonce", isBase64Of(h.Nonce, pacrypto.NonceSize)},
		check{"timestamp", n >= 9 && n <= 15 && isDigits(h.TimestampText, n)},
		check{"version", known},
	); err != nil {
		return nil, err
	}
	return h, nil
}

// Timestamp is the time of the request by the phone's clock; the zero time when the text is not a number.
func (h *TokenHeader) Timestamp() time.Time {
	ms, err := strconv.ParseInt(h.TimestampText, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

var (
	// headerField follows the server's own pattern: a name, then a value in quotes, or bare up to a blank or a comma.
	headerField = regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^\s",]+))`)
	uuidForm    = regexp.MustCompile(`^(?i:[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$`)
)

// parseHeader refuses a duplicate field: the server would read the last, another reader the first.
func parseHeader(value string, failure error) (map[string]string, error) {
	if len(value) > MaxHeaderLength {
		return nil, fmt.Errorf("%w: too long", failure)
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(value), "PowerAuth ")
	if !ok {
		return nil, fmt.Errorf("%w: no PowerAuth prefix", failure)
	}
	fields := make(map[string]string)
	for _, m := range headerField.FindAllStringSubmatch(rest, -1) {
		if _, duplicate := fields[m[1]]; duplicate {
			return nil, fmt.Errorf("%w: duplicate field", failure)
		}
		fields[m[1]] = m[2] + m[3]
	}
	return fields, nil
}

type check struct {
	field string
	ok    bool
}

func firstFault(failure error, checks ...check) error {
	for _, c := range checks {
		if !c.ok {
			return fmt.Errorf("%w: %s missing or malformed", failure, c.field)
		}
	}
	return nil
}

func isUUID(s string) bool { return uuidForm.MatchString(s) }

func isBase64Of(s string, size int) bool {
	if pad := len(s) % 4; pad != 0 {
		s += strings.Repeat("=", 4-pad)
	}
	b, err := pacrypto.DecodeBase64(s)
	return err == nil && len(b) == size
}

func isDigits(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789") == ""
}
