package transport

import (
	"mime"
	"net/http"
	"strings"

	"github.com/identkit/identkit"
)

// FailedResponse is a response that is not 2xx, as a provider's [Config].Failure reads it.
type FailedResponse struct {
	Status      int
	Header      http.Header
	ContentType string // the media type in lower case, without parameters; "" when it is missing or malformed
	Body        []byte
}

// readFailure lets the provider read a failed response into e, and adds what the transport itself knows of it.
func (c *call) readFailure(e *identkit.Error) {
	r := FailedResponse{Status: c.status, Header: c.responseHeader, ContentType: mediaType(c.responseHeader), Body: c.body}
	if c.client.failure != nil {
		c.client.failure(e, r)
	}
	c.keepRequestID(e)
	switch c.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		addDetail(e, "redirects are not followed")
	case http.StatusNotModified:
		addDetail(e, "not modified, by a condition that the request has")
	case http.StatusProxyAuthRequired:
		addDetail(e, "a proxy asks for credentials")
	}
	if r.ContentType == "text/html" || r.ContentType == "application/xhtml+xml" || isHTML(r.Body) {
		addDetail(e, errHTML.Error())
	}
}

// keepRequestID takes the id that a provider's function found in a body for that of the attempt, or restores the header's.
func (c *call) keepRequestID(e *identkit.Error) {
	if isRequestID(e.RequestID) {
		c.requestID = e.RequestID
	}
	e.RequestID = c.requestID
}

// isRequestID reports whether a text from a body can be an id. Observers and logs get it as it is.
func isRequestID(s string) bool {
	const longest = 128
	return s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// unprocessed reports whether a status alone says that the request had no effect.
func (c *call) unprocessed() bool {
	return c.status == http.StatusNotModified && (c.op.method == http.MethodGet || c.op.method == http.MethodHead)
}

func mediaType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && t == "" {
		return ""
	}
	return t
}
