package entrupytest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fakeserver"
)

// DomainVerificationPath is where Entrupy looks for the token of a domain, in front of the id.
const DomainVerificationPath = "/.well-known/entrupy-domain-verification/"

type domain struct {
	id, name string
	token    identkit.Secret
	verified bool
}

// AddDomain adds a verified domain, such as shop.example, that webhooks may then name.
func (s *Server) AddDomain(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domains = append(s.domains, &domain{id: uuid(), name: name, verified: true})
	s.engine.Changed("domain", name)
}

// StartDomainVerification adds a domain that is not verified. The domain must then serve the token under the id, below
// [DomainVerificationPath].
func (s *Server) StartDomainVerification(name string) (id string, token identkit.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &domain{id: uuid(), name: name, token: identkit.Secret(uuid())}
	s.domains = append(s.domains, d)
	s.engine.Changed("domain", name)
	return d.id, d.token
}

// VerifyDomain looks for the token, as Entrupy does, at the handler that serves the domain: 200, text/plain, the token as the whole body.
func (s *Server) VerifyDomain(name string, h http.Handler) error {
	s.mu.Lock()
	i := slices.IndexFunc(s.domains, func(d *domain) bool { return d.name == name })
	if i < 0 {
		s.mu.Unlock()
		return fmt.Errorf("entrupytest: no domain %q", name)
	}
	d := s.domains[i]
	s.mu.Unlock() // the handler may call the fake
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+name+DomainVerificationPath+d.id, nil)
	if err != nil {
		return fmt.Errorf("entrupytest: %q is no domain", name)
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(w, r)
	media, _, _ := mime.ParseMediaType(w.header.Get("Content-Type"))
	switch {
	case w.status != http.StatusOK:
		return fmt.Errorf("entrupytest: the domain responds with status %d", w.status)
	case media != "text/plain":
		return fmt.Errorf("entrupytest: the domain responds with %q, not text/plain", media)
	case w.body.String() != d.token.Reveal():
		return errors.New("entrupytest: the domain responds with something else than the token")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.verified = true
	s.engine.Changed("domain", name)
	return nil
}

func (s *Server) searchDomains(c *fakeserver.Call) {
	in, ok := s.searchOf(c)
	if !ok {
		return
	}
	items := []object{}
	page := s.domains[min(in.offset, len(s.domains)):]
	for _, d := range page[:min(in.limit, len(page))] {
		status := "pending"
		if d.verified {
			status = "verified"
		}
		items = append(items, object{"id": d.id, "domain": d.name, "status": status})
	}
	out := object{"items": items, "item_count": len(items)}
	s.putCursor(out, in.offset, in.limit, len(s.domains))
	c.JSON(http.StatusOK, out)
}

// recorder is a response that stays here.
type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

// Header implements [http.ResponseWriter].
func (w *recorder) Header() http.Header { return w.header }

// Write implements [http.ResponseWriter].
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(status int) { w.status = status }

// uuid is a random UUID of version 4.
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
