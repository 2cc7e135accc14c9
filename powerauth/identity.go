package powerauth

import (
	"context"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth/protocol"
)

// Authentication says how a request was authenticated.
type Authentication string

// The kinds of authentication.
const (
	BySignature Authentication = "signature" // by X-PowerAuth-Authorization: this very request, by the factors used
	ByToken     Authentication = "token"     // by X-PowerAuth-Token: possession of the device, for reading
)

// Identity is who made a request that [Protect] or [ProtectToken] let through. The device was active when it was verified.
type Identity struct {
	Authentication Authentication
	UserID         UserID
	RegistrationID RegistrationID
	// Factors are those used for this request; for a token, possession alone.
	Factors protocol.Factors
	// URIID is what the request was verified for; empty for a token.
	URIID string
	// Flags and Applications are those of the registration, where PAC says them.
	Flags        []string
	Applications []ApplicationID
}

// Has reports whether all the wanted factors were used for this request.
func (i Identity) Has(wanted ...protocol.Factor) bool { return i.Factors.Has(wanted...) }

// IdentityFrom returns who made the request that the context belongs to. ok is false when nothing protects the endpoint. Inside
// several protections it is the innermost one's.
func IdentityFrom(ctx context.Context) (who Identity, ok bool) {
	if v := verifiedFrom(ctx); v != nil {
		return v.identity, true
	}
	return Identity{}, false
}

// verified is a header that PAC has called valid, and the request that it signs.
type verified struct {
	header   string
	signed   signedContent
	result   *Verification // of a signature
	identity Identity
	parent   *verified // of a protection around this one
}

// signedContent is what a code signs, and who verified it.
type signedContent struct {
	client               *Client
	uriID, method, query string
	body                 []byte
}

type verifiedKey struct{}

func verifiedFrom(ctx context.Context) *verified {
	if ctx == nil {
		return nil
	}
	v, _ := ctx.Value(verifiedKey{}).(*verified)
	return v
}

// find returns what is known of a header, in this protection or one around it.
func (v *verified) find(header string) *verified {
	for ; v != nil; v = v.parent {
		if sameHeader(v.header, header) {
			return v
		}
	}
	return nil
}

// sameHeader reports whether two header texts hold the same code, however they are written.
func sameHeader(a, b string) bool {
	if a == b {
		return true
	}
	if x, err := protocol.ParseAuthorizationHeader(a); err == nil {
		y, err := protocol.ParseAuthorizationHeader(b)
		return err == nil && strings.EqualFold(string(x.ActivationID), string(y.ActivationID)) && x.Nonce == y.Nonce && x.Code == y.Code
	}
	if x, err := protocol.ParseTokenHeader(a); err == nil {
		y, err := protocol.ParseTokenHeader(b)
		return err == nil && strings.EqualFold(string(x.TokenID), string(y.TokenID)) && x.Nonce == y.Nonce && x.Digest == y.Digest
	}
	return strings.TrimSpace(a) == strings.TrimSpace(b)
}

// verifiedAlready keeps a handler from verifying once more what a middleware has verified, which would fail and burn an attempt.
func verifiedAlready(ctx context.Context, header identkit.Secret) bool {
	return verifiedFrom(ctx).find(header.Reveal()) != nil
}
