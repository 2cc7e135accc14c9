package powerauth

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

var (
	// ErrAuthorizationHeader is the error of a value that cannot be a valid X-PowerAuth-Authorization header. Errors
	// name the field at fault, never its value.
	ErrAuthorizationHeader = errors.New("powerauth: not a PowerAuth authorization header")
	// ErrTokenHeader is the same for X-PowerAuth-Token.
	ErrTokenHeader = errors.New("powerauth: not a PowerAuth token header")
	// ErrFactors is the error of a text that is not a combination of factors.
	ErrFactors = errors.New("powerauth: unknown combination of factors")
)

// Factor is one proof of a user's identity.
type Factor string

// The factors of PowerAuth.
const (
	Possession Factor = pacrypto.Possession // the device
	Knowledge  Factor = pacrypto.Knowledge  // the PIN or password
	Biometry   Factor = pacrypto.Biometry   // fingerprint or face
)

// Factors is a combination of factors, such as "possession_knowledge". The provider writes it in upper or lower case,
// which makes no difference here; unknown values pass through unchanged, and hold no factor.
type Factors string

// ParseFactors reads one of the six combinations that PowerAuth has, in any case, and returns it in lower case.
// Everything else is [ErrFactors].
func ParseFactors(s string) (Factors, error) {
	names, ok := pacrypto.SplitFactors(s)
	if !ok {
		return "", ErrFactors
	}
	return Factors(strings.Join(names, "_")), nil
}

// Known reports whether it is one of the six combinations that PowerAuth has.
func (f Factors) Known() bool { return len(f.List()) > 0 }

// Has reports whether the combination is known and holds all the wanted factors. It is false when none are named, so
// that an empty policy allows nothing.
func (f Factors) Has(wanted ...Factor) bool {
	held := f.List()
	for _, w := range wanted {
		if !slices.Contains(held, w) {
			return false
		}
	}
	return len(wanted) > 0
}

// List returns the factors of a known combination, and nil for an unknown one.
func (f Factors) List() []Factor {
	names, ok := pacrypto.SplitFactors(string(f))
	if !ok {
		return nil
	}
	factors := make([]Factor, len(names))
	for i, n := range names {
		factors[i] = Factor(n)
	}
	return factors
}

// AuthorizationHeader is the content of X-PowerAuth-Authorization: a phone's code over one request. Nothing in it is
// proven until the provider has verified it; give the provider the header's text unchanged, and only once.
//
// Source: PowerAuthAuthorizationHttpHeader and its validator in wultra/powerauth-crypto, checked 2026-11.
type AuthorizationHeader struct {
	// ActivationID is the registration's id, a UUID.
	ActivationID string
	// ApplicationKey is Base64 of the 16-byte application key.
	ApplicationKey string
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
// the provider could only refuse: a missing prefix, a missing or repeated field, an unknown version or combination of
// factors, a wrong length. Commas and quotes are optional, the order is free, Base64 may lack its padding or
// have stray bits in it, unknown fields are skipped; at most 4 KiB are read. That limit is an assumption.
//
// Protocol 4.0 has 32 bytes for each factor by the vendor's text and 16 by its test vectors; both are taken.
func ParseAuthorizationHeader(value string) (*AuthorizationHeader, error) {
	fields, err := parseHeader(value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthorizationHeader, err)
	}
	h := &AuthorizationHeader{
		ActivationID:   fields["pa_activation_id"],
		ApplicationKey: fields["pa_application_key"],
		Nonce:          fields["pa_nonce"],
		Version:        fields["pa_version"],
	}
	codeName, typeName, ok := codeFields(h.Version)
	if !ok {
		return nil, fmt.Errorf("%w: pa_version missing or unknown", ErrAuthorizationHeader)
	}
	h.Code = identkit.Secret(fields[codeName])
	factors, errFactors := ParseFactors(fields[typeName])
	h.Factors = factors
	if fault := firstFault(
		check{"pa_activation_id", isUUID(h.ActivationID)},
		check{"pa_application_key", isBase64Of(h.ApplicationKey, pacrypto.KeySize)},
		check{"pa_nonce", isBase64Of(h.Nonce, pacrypto.NonceSize)},
		check{typeName, errFactors == nil},
		check{codeName, h.codeFits()},
	); fault != "" {
		return nil, fmt.Errorf("%w: %s missing or malformed", ErrAuthorizationHeader, fault)
	}
	return h, nil
}

// Value returns the header's text, for tests and fakes. It holds the code.
func (h *AuthorizationHeader) Value() string {
	codeName, typeName, ok := codeFields(h.Version)
	if !ok {
		codeName, typeName = "pa_auth_code", "pa_auth_code_type"
	}
	return headerText(
		"pa_activation_id", h.ActivationID, "pa_application_key", h.ApplicationKey, "pa_nonce", h.Nonce,
		typeName, string(h.Factors), codeName, h.Code.Reveal(), "pa_version", h.Version)
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

// TokenHeader is the content of X-PowerAuth-Token: proof that a phone holds a token, good for reading only. Nothing in
// it is proven until the provider has verified it; give the provider the header's text unchanged, and only once.
//
// Source: wultra/powerauth-crypto, docs/MAC-Token-Based-Authentication.md and the header's validator, checked 2026-11.
type TokenHeader struct {
	// TokenID is the token's id, a UUID.
	TokenID string
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
	fields, err := parseHeader(value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTokenHeader, err)
	}
	h := &TokenHeader{
		TokenID:       fields["token_id"],
		Digest:        identkit.Secret(fields["token_digest"]),
		Nonce:         fields["nonce"],
		TimestampText: fields["timestamp"],
		Version:       fields["version"],
	}
	_, _, known := codeFields(h.Version)
	n := len(h.TimestampText)
	if fault := firstFault(
		check{"token_id", isUUID(h.TokenID)},
		check{"token_digest", isBase64Of(h.Digest.Reveal(), 32)},
		check{"nonce", isBase64Of(h.Nonce, pacrypto.NonceSize)},
		check{"timestamp", n >= 9 && n <= 15 && isDigits(h.TimestampText, n)},
		check{"version", known},
	); fault != "" {
		return nil, fmt.Errorf("%w: %s missing or malformed", ErrTokenHeader, fault)
	}
	return h, nil
}

// Timestamp is the time the phone gives for its request; the zero time when the text is not a number.
func (h *TokenHeader) Timestamp() time.Time {
	ms, err := strconv.ParseInt(h.TimestampText, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Value returns the header's text, for tests and fakes. It holds the digest.
func (h *TokenHeader) Value() string {
	return headerText("token_id", h.TokenID, "token_digest", h.Digest.Reveal(), "nonce", h.Nonce,
		"timestamp", h.TimestampText, "version", h.Version)
}

const (
	headerPrefix = "PowerAuth "
	maxHeader    = 4096
)

var (
	// headerField follows the server's own pattern: a name, then a value in quotes, or bare up to a blank or a comma.
	headerField = regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^\s",]+))`)
	uuidForm    = regexp.MustCompile(`^(?i:[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$`)

	errPrefix   = errors.New("no PowerAuth prefix")
	errLong     = errors.New("too long")
	errRepeated = errors.New("a field is repeated")
)

// parseHeader refuses a repeated field: the server would take the last, another reader the first.
func parseHeader(value string) (map[string]string, error) {
	if len(value) > maxHeader {
		return nil, errLong
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(value), headerPrefix)
	if !ok {
		return nil, errPrefix
	}
	fields := make(map[string]string)
	for _, m := range headerField.FindAllStringSubmatch(rest, -1) {
		if _, twice := fields[m[1]]; twice {
			return nil, errRepeated
		}
		fields[m[1]] = m[2] + m[3]
	}
	return fields, nil
}

func headerText(pairs ...string) string {
	fields := make([]string, 0, len(pairs)/2)
	for pair := range slices.Chunk(pairs, 2) {
		fields = append(fields, pair[0]+`="`+pair[1]+`"`)
	}
	return headerPrefix + strings.Join(fields, ", ")
}

type check struct {
	field string
	ok    bool
}

func firstFault(checks ...check) string {
	for _, c := range checks {
		if !c.ok {
			return c.field
		}
	}
	return ""
}

func isUUID(s string) bool { return uuidForm.MatchString(s) }

func isBase64Of(s string, size int) bool {
	if pad := len(s) % 4; pad != 0 {
		s += strings.Repeat("=", 4-pad)
	}
	b, err := pacrypto.DecodeBase64(s)
	return err == nil && len(b) == size
}
