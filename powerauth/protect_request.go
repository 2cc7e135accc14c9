package powerauth

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/identkit/identkit/powerauth/protocol"
)

var (
	authorizationKey = textproto.CanonicalMIMEHeaderKey(protocol.AuthorizationHeaderName)
	tokenKey         = textproto.CanonicalMIMEHeaderKey(protocol.TokenHeaderName)
)

// singleHeader returns the value of a header that is there once and not malformed.
func singleHeader(h http.Header, key string, malformed func(string) bool) (string, ProtectReason) {
	values := h[key]
	switch {
	case len(values) == 0 || values[0] == "":
		return "", ReasonHeaderMissing
	case len(values) > 1:
		return "", ReasonHeaderRepeated
	case malformed(values[0]):
		return "", ReasonHeaderMalformed
	}
	return values[0], ""
}

// malformedAuthorization reports whether no version of the grammar could allow the header: it is too long, or lacks the prefix or
// a field. Lengths, versions and combinations of factors are the provider's to judge.
func malformedAuthorization(value string) bool {
	rest, ok := headerFields(value)
	return !ok || !hasField(rest, "pa_activation_id") || !hasField(rest, "pa_application_key") || !hasField(rest, "pa_nonce") ||
		!hasField(rest, "pa_version") || !hasField(rest, "pa_signature") && !hasField(rest, "pa_auth_code") ||
		!hasField(rest, "pa_signature_type") && !hasField(rest, "pa_auth_code_type")
}

// malformedToken is the same for X-PowerAuth-Token.
func malformedToken(value string) bool {
	rest, ok := headerFields(value)
	return !ok || !hasField(rest, "token_id") || !hasField(rest, "token_digest") || !hasField(rest, "nonce") ||
		!hasField(rest, "timestamp") || !hasField(rest, "version")
}

func headerFields(value string) (string, bool) {
	if len(value) > protocol.MaxHeaderLength {
		return "", false
	}
	return strings.CutPrefix(strings.TrimSpace(value), "PowerAuth ")
}

// hasField reports whether a field has a value, in quotes or bare. It reads as package protocol does, without the cost.
func hasField(rest, name string) bool {
	for at := 0; ; {
		i := strings.Index(rest[at:], name)
		if i < 0 {
			return false
		}
		i += at
		at = i + len(name)
		if i > 0 && isWord(rest[i-1]) || at+1 >= len(rest) || rest[at] != '=' {
			continue
		}
		switch value := rest[at+1:]; {
		case value[0] == '"':
			if end := strings.IndexByte(value[1:], '"'); end > 0 {
				return true
			}
		case !strings.ContainsRune(" \t\n\f\r\",", rune(value[0])):
			return true
		}
	}
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z'
}

// readBody reads the raw body of a request, at most limit bytes.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, ProtectReason, error) {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return nil, "", nil
	case r.ContentLength > limit:
		return nil, ReasonBodyTooLarge, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, ReasonBodyTooLarge, nil
	case err != nil:
		return nil, ReasonBodyUnreadable, err
	}
	return body, "", nil
}

// replayableBody is a body that was read and can be read by the next handler.
type replayableBody struct{ reader *bytes.Reader }

func (b *replayableBody) Read(p []byte) (int, error) { return b.reader.Read(p) }

// WriteTo lets io.Copy take the bytes as they are.
func (b *replayableBody) WriteTo(w io.Writer) (int64, error) { return b.reader.WriteTo(w) }

func (b *replayableBody) Close() error { return nil }
