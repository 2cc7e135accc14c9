package entrupy

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Domains reads the domains that the organization has verified, which webhooks need. [NewDomainVerificationHandler] serves the token that
// Entrupy looks for.
type Domains struct {
	client *transport.Client
	names  SearchNames
}

// SearchDomainsParams say what to search for.
type SearchDomainsParams struct {
	Limit  int // at most 25; zero means what the API takes
	Cursor json.RawMessage
}

type searchDomainsInput struct {
	SearchDomainsParams
	names SearchNames
}

func (in *searchDomainsInput) request(r *transport.Request) {
	s := searchInput{SearchParams{Limit: in.Limit, Cursor: in.Cursor}, in.names}
	s.request(r)
}

// Domain is a domain of the organization. The names of its members are assumed; RawJSON has it as it came (EN-024).
type Domain struct {
	identkit.Raw `json:"-"`

	ID     string `json:"id"`
	Name   string `json:"domain"`
	Status string `json:"status"`
}

// DomainPage is a part of the result of a search.
type DomainPage struct {
	identkit.Raw `json:"-"`

	Items []Domain        `json:"items"`
	Next  json.RawMessage `json:"next_cursor"` // where the next page begins; nil at the end
}

func (p *DomainPage) check() error {
	if p.Items == nil {
		return transport.Missing("items")
	}
	p.Next = nextCursor(p.Next)
	return nil
}

var searchDomains = transport.Op[searchDomainsInput, DomainPage]{
	Name: "entrupy.Domains.Search", Method: http.MethodPost, Path: "/v2/search/domains",
	Retry:      identkit.RetrySafe, // a POST that reads
	Assumption: "EN-025",
	Request:    (*searchDomainsInput).request,
	Check:      (*DomainPage).check,
}

// Search reads one page of the organization's domains. Safe to repeat.
// Source: the path from a public plan, checked 2026-11; method, members and paging are assumed to be those of the search for
// authentications (EN-024, EN-025).
func (s Domains) Search(ctx context.Context, p SearchDomainsParams, opts ...identkit.CallOption) (*DomainPage, error) {
	return searchDomains.Do(ctx, s.client, searchDomainsInput{p, s.names.complete()}, opts)
}
