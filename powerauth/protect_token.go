package powerauth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/powerauth/protocol"
)

// ProtectTokenConfig says how an endpoint is protected by token. The zero value is ready.
type ProtectTokenConfig struct {
	// Observer's Decision function follows every decision, with a ProtectReason. Nil means that of the client's Options.
	Observer identkit.Observer
}

// ProtectToken makes middleware that lets a request through only when its X-PowerAuth-Token header is right and its device active.
//
//	read, err := powerauth.ProtectToken(client, powerauth.ProtectTokenConfig{})
//	mux.Handle("GET /operations", read(handler))
//
// A token shows possession of the device, and covers neither the request nor its time to the second: it is good for reading what
// the user may see, never for deciding anything. The handler finds the caller by [IdentityFrom].
//
// Refusals are as with [Protect]. That a 400 of PAC's with a code refuses the header, and a 500 does not, is assumed: the code for a token
// seen before or out of time is undocumented.
func ProtectToken(client *Client, cfg ProtectTokenConfig) (func(http.Handler) http.Handler, error) {
	var check transport.Check
	client.check("client", &check)
	if err := check.Err(provider, "powerauth.ProtectToken"); err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return &tokenGuard{next, client, newDecider("powerauth.ProtectToken", client, "", cfg.Observer)}
	}, nil
}

// tokenGuard is the handler that ProtectToken makes.
type tokenGuard struct {
	next   http.Handler
	client *Client
	decide decider
}

// ServeHTTP lets a request through or refuses it.
func (g *tokenGuard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	v, reason, err := g.authorize(r)
	if g.decide.decide(w, r, start, reason, err) {
		g.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), verifiedKey{}, v)))
	}
}

var errNoTokenIdentity = errors.New("powerauth: the response calls the token valid and does not say whose it is, or whether the device is active")

func (g *tokenGuard) authorize(r *http.Request) (*verified, ProtectReason, error) {
	header, reason := singleHeader(r.Header, tokenKey, malformedToken)
	if reason != "" {
		return nil, reason, nil
	}
	v := &verified{header: header, signed: signedContent{client: g.client}, parent: verifiedFrom(r.Context())}
	if known := v.parent.find(header); known != nil {
		if known.identity.Authentication != ByToken || known.signed.client != g.client {
			return nil, ReasonOtherRequest, nil
		}
		v.identity = known.identity
		return v, "", nil
	}
	result, err := g.client.Tokens.Verify(r.Context(), VerifyTokenParams{AuthHeader: identkit.Secret(header)})
	switch {
	case err != nil:
		return nil, reasonOf(err), err
	case !result.Valid:
		return nil, ReasonInvalid, nil
	case result.RegistrationStatus == "" || result.UserID == "" || result.RegistrationID == "":
		return nil, ReasonUnavailable, errNoTokenIdentity
	case !result.IsActive():
		return nil, ReasonNotActive, nil
	}
	v.identity = Identity{Authentication: ByToken, UserID: result.UserID, RegistrationID: result.RegistrationID, Factors: protocol.Factors(protocol.Possession)}
	return v, "", nil
}
