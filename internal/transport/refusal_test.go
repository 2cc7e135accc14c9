package transport

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

type order struct {
	Accepted bool `json:"accepted"`
}

var placeOrder = Op[thingParams, order]{
	Name: "test.Order", Method: http.MethodPost, Path: "/orders", Verdicts: []string{"accepted"}, AfterLoss: "look it up",
	Request: func(in *thingParams, r *Request) {
		r.JSON(map[string]string{"id": in.id})
		r.WhenRejected = "it may be too large"
	},
	Check: func(o *order) error {
		if !o.Accepted {
			return &identkit.Error{Kind: identkit.ErrRejected, Detail: "not accepted"}
		}
		return nil
	},
}

func orders(t *testing.T, adjust ...func(*Config)) (*fakeserver.Server, *Client) {
	t.Helper()
	srv, client := things(t, append(adjust, func(c *Config) { c.Operations = append(c.Operations, &placeOrder) })...)
	srv.Handle(placeOrder.Info(), func(c *fakeserver.Call) { c.JSON(200, map[string]bool{"accepted": false}) })
	return srv, client
}

func TestARefusalInASuccessfulResponseIsAResult(t *testing.T) {
	t.Parallel()
	o := new(recorder)
	srv, client := orders(t, func(c *Config) { c.Options.Observer = o.observer() })
	_, err := placeOrder.Do(t.Context(), client, thingParams{id: "1"}, nil)
	require.ErrorIs(t, err, identkit.ErrRejected)
	require.NotErrorIs(t, err, identkit.ErrOutcomeUnknown, "it is known: nothing happened")
	require.EqualError(t, err, "test.Order: rejected (HTTP 200): not accepted; it may be too large")
	require.Len(t, o.ends, 1)
	assert.Equal(t, identkit.ErrRejected, o.ends[0].Kind)
	assert.False(t, o.ends[0].OutcomeUnknown)

	srv.Fault(identkittest.Any().JSON(200, map[string]any{"accepted": "no"}))
	_, err = placeOrder.Do(t.Context(), client, thingParams{id: "1"}, nil)
	require.ErrorIs(t, err, identkit.ErrOutcomeUnknown)
	require.EqualError(t, err, "test.Order: bad response (HTTP 200, outcome unknown): accepted is not a boolean; look it up")
}

// fieldAuth carries a key in the body.
type fieldAuth struct{}

func (fieldAuth) Authorize(_ context.Context, out *Outgoing) error {
	out.Body = out.Body.WithFields(Field{"id", "key"})
	return nil
}

func (fieldAuth) Renew(context.Context, string, *identkit.Error) bool { return false }

func TestAuthenticationDoesNotReplaceAFieldOfTheBody(t *testing.T) {
	t.Parallel()
	srv, client := orders(t, func(c *Config) { c.Auth = fieldAuth{} })
	_, err := placeOrder.Do(t.Context(), client, thingParams{id: "1"}, nil)
	require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	require.ErrorContains(t, err, "the body has a field that authentication sends")
	assert.Zero(t, srv.Journal().Len())
}

func TestAnAddressThatWasRefusedIsNotRefusedAgain(t *testing.T) {
	t.Parallel()
	var check Check
	check.Refuse("Region", "is missing")
	assert.Nil(t, New(Config{Provider: "test", BaseURLRefused: true, Options: identkit.Options{Timeout: -1}}, &check))
	require.EqualError(t, check.Err("test", "test.New"), "test.New: invalid request: Region is missing; Options.Timeout is negative")
}
