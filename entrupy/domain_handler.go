package entrupy

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// DomainVerificationPath is where Entrupy looks for the token of a domain; the id of the verification follows.
const DomainVerificationPath = "/.well-known/entrupy-domain-verification/"

// NewDomainVerificationHandler returns a handler for [DomainVerificationPath] on the domain that shall receive deliveries. The tokens are
// those that Entrupy gave, by the id at the end of the path; keep them there while the domain is used.
//
//	domains, err := entrupy.NewDomainVerificationHandler(map[string]identkit.Secret{"0b0f6c1e-3f0b-4b8e-9a55-6a0f4c9d7e21": token})
//	mux.Handle(entrupy.DomainVerificationPath, domains)
//
// It responds to GET and HEAD with text/plain and the token alone, and never redirects. Mount it where nothing else does: before a catch-all,
// and before middleware that demands a login, redirects to another host, or adds or removes slashes.
// Source: a public integration; checked 2026-11. No page documents it (EN-040).
func NewDomainVerificationHandler(tokens map[string]identkit.Secret) (http.Handler, error) {
	var check transport.Check
	check.That(len(tokens) > 0, "tokens", "are empty")
	h := make(domainHandler, len(tokens))
	for id, token := range tokens {
		check.That(id != "" && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }), "tokens", "have an id that cannot be the end of a path")
		check.Secret("tokens["+strconv.Quote(id)+"]", token)
		h[id] = token
	}
	if err := check.Err(provider, "entrupy.NewDomainVerificationHandler"); err != nil {
		return nil, err
	}
	return h, nil
}

// domainHandler are the tokens by their ids.
type domainHandler map[string]identkit.Secret

// ServeHTTP implements [http.Handler].
func (h domainHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	token, ok := h[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]] // a router may have taken off the beginning
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/plain")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(token)))
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, token.Reveal())
	}
}
