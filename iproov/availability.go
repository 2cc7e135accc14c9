package iproov

import (
	"context"
	"net/http"
	"net/url"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// Health says whether the platform serves the service provider.
type Health struct {
	identkit.Raw `json:"-"`

	Up bool
}

type healthAnswer struct {
	Up wire.Verdict `json:"up"`
}

func (w *healthAnswer) finish(transport.Path) (*Health, error) {
	if !w.Up.Given() {
		return nil, transport.Missing("up")
	}
	return &Health{Up: w.Up.Yes()}, nil
}

var availability = &transport.OldOperation{
	Name:   "iproov.Availability",
	Method: http.MethodGet, Path: "/availability",
	Retry:     transport.RetrySafe,
	Unmetered: true,
}

// Availability asks whether the platform is up for this service provider. Not up is an answer, not an error. The API key travels
// in the query. Safe to repeat.
//
// Source: Swagger file 2.13, operations page; checked 2026-11.
func (c *Client) Availability(ctx context.Context, opts ...identkit.CallOption) (*Health, error) {
	return send(ctx, c.service, call{op: availability, keys: func(k keys, in *transport.Input) {
		in.Query = url.Values{"api_key": {k.apiKey.Reveal()}}
	}}, (*healthAnswer).finish, opts)
}
