package transport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/input"
	"github.com/identkit/identkit/internal/seal"
)

// isOwnHeader reports whether only the transport and net/http may send a header: credentials, how the message is framed and encoded,
// and what belongs to one connection.
func isOwnHeader(key string) bool {
	switch key {
	case "Authorization", "Host", "Content-Type", "Content-Length", "Transfer-Encoding", "Trailer", "Te", "Accept-Encoding", "Expect",
		"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Upgrade":
		return true
	}
	return false
}

// addHeader adds what the input or the options of a call say to h. A name of the client's own header is refused: a second value is
// more likely a mistake than meant, and the deployment would be reached with less than what was configured.
func addHeader(h, more, own http.Header, check *Check) {
	for name, values := range more {
		key := http.CanonicalHeaderKey(name)
		if !validToken(name) {
			check.Refuse("header", "name is not a token")
			continue
		}
		field := "header " + key
		_, configured := own[key]
		switch {
		case isOwnHeader(key):
			check.Refuse(field, "cannot be set")
			continue
		case configured:
			check.Refuse(field, "is sent by the client's configuration already")
			continue
		case len(more) > 1 && hasEarlierSpelling(more, name):
			check.Refuse(field, "is given under more than one spelling")
		}
		for _, v := range values {
			check.That(validHeaderValue(v), field, "value must be printable ASCII")
			check.That(!identkit.Secret(v).IsMask(), field, input.Masked)
		}
		h[key] = values
	}
}

// hasEarlierSpelling reports whether names hold another spelling of a name, one that sorts before it: of all spellings, all but one have.
func hasEarlierSpelling[V any](names map[string]V, name string) bool {
	for other := range names {
		if other < name && strings.EqualFold(other, name) {
			return true
		}
	}
	return false
}

// configured checks the header of a configuration, which every call is to send.
func configured(header map[string]identkit.Secret, auth Authorizer, check *Check) (own seal.Hidden[http.Header]) {
	if len(header) == 0 {
		return own
	}
	h := make(http.Header, len(header))
	reserved := append(headersOf(auth), "User-Agent", "Accept", "Idempotency-Key", "X-Idempotency-Key")
	for name, value := range header {
		if !validToken(name) {
			check.Refuse("Header", "has a name that is not a token")
			continue
		}
		key := http.CanonicalHeaderKey(name)
		field := "Header[" + key + "]"
		fault := input.SecretFault(value)
		switch {
		case isOwnHeader(key) || slices.Contains(reserved, key):
			fault = "cannot be set"
		case hasEarlierSpelling(header, name):
			fault = "is given under more than one spelling"
		case fault == "" && !validHeaderValue(value.Reveal()):
			fault = "must be printable ASCII"
		}
		check.That(fault == "", field, fault)
		h[key] = []string{value.Reveal()}
	}
	return seal.Hide(h)
}

// headersOf are the headers that an authentication sets.
func headersOf(a Authorizer) (names []string) {
	switch a := a.(type) {
	case *HeaderAuth:
		names = append(names, http.CanonicalHeaderKey(a.name))
	case joined:
		for _, one := range a {
			names = append(names, headersOf(one)...)
		}
	}
	return names
}

// header is the client's own header for a URL: none for an address other than the base URL's, to which its values are no secret.
func (c *Client) header(u *url.URL) http.Header {
	if c.ownHeader.IsZero() || u == nil || u.Scheme != c.base.Scheme || u.Host != c.base.Host {
		return nil
	}
	return c.ownHeader.Get()
}
