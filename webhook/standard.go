package webhook

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/identkit/identkit"
)

// StandardConfig describes a sender that follows the Standard Webhooks specification (standardwebhooks.com,
// version 1.0.0).
type StandardConfig struct {
	// Keys hold whsec_… texts (HMAC-SHA256, signatures v1; the prefix may be missing) and whpk_… texts
	// (ed25519 public keys, signatures v1a). A symmetric key has at least 24 bytes, as the specification demands.
	Keys *Keyring
	// HeaderPrefix is what the names of the headers id, timestamp and signature begin with. Empty means "webhook-";
	// older senders use a prefix of their own, such as "svix-".
	HeaderPrefix string
	// Tolerance is how far the timestamp may be from [Request].Time, in either direction. Zero means 5 minutes.
	Tolerance time.Duration
}

// NewStandardWebhooks returns a verifier of Standard Webhooks. Id and timestamp are signed and stand in the receipt; the scheme
// there is "standard-webhooks-v1" or "standard-webhooks-v1a". The signature header may list up to 8 signatures v1 and 2 v1a, which
// are expensive to check; those of other versions are ignored. An id with a full stop is refused: it could move bytes between the
// signed parts.
func NewStandardWebhooks(cfg StandardConfig) (Verifier, error) {
	const scheme = "standard-webhooks"
	prefix := cmp.Or(cfg.HeaderPrefix, "webhook-")
	var f faults
	v := &standardVerifier{
		id:        f.header("HeaderPrefix", scheme, prefix+"id", maxHeader),
		time:      f.header("HeaderPrefix", scheme, prefix+"timestamp", maxHeader),
		signature: f.header("HeaderPrefix", scheme, prefix+"signature", maxHeader),
		stamp:     f.stamp(scheme, UnixSeconds, cfg.Tolerance),
		keys:      deriveKeys(&f, cfg.Keys, 0, newStandardKey),
		refusals:  newRefusals(scheme, "header "+prefix+"signature"),
	}
	v.content, _ = parseContent("{id}.{timestamp}.{body}")
	return f.verifier("NewStandardWebhooks", v)
}

type standardVerifier struct {
	keys                *derived[standardKey]
	id, time, signature singleHeader
	stamp               stampRules
	content             content
	refusals            refusals
}

// standardKey has one of the two.
type standardKey struct {
	macs   *macPool
	public ed25519.PublicKey
}

const (
	minStandardKey = 24
	// maxAsymmetric bounds what a forged delivery costs: each is checked with each key, over the whole body.
	maxAsymmetric = 2
)

func newStandardKey(_ *Key, s identkit.Secret) (standardKey, error) {
	text := s.Reveal()
	switch {
	case strings.HasPrefix(text, "v1,"):
		return standardKey{}, errors.New(`begins with "v1,"; the key is what follows it`)
	case strings.HasPrefix(text, "whsk_"):
		return standardKey{}, errors.New("is a private key (whsk_); a receiver gets the public one (whpk_)")
	}
	text, asymmetric := strings.CutPrefix(text, "whpk_")
	raw, err := decodeKeyBase64(strings.TrimPrefix(text, "whsec_"))
	switch {
	case err != nil:
		return standardKey{}, errors.New("is not base64")
	case asymmetric && len(raw) != ed25519.PublicKeySize:
		return standardKey{}, errors.New("is not an ed25519 public key of 32 bytes")
	case asymmetric:
		return standardKey{public: raw}, nil
	case len(raw) < minStandardKey:
		return standardKey{}, errors.New("is shorter than 24 bytes")
	}
	return standardKey{macs: newMACPool(SHA256, raw)}, nil
}

func (v *standardVerifier) Verify(ctx context.Context, r *Request) (Receipt, error) {
	text, noSignature := v.signature.read(r.Header)
	id, noID := v.id.read(r.Header)
	stamp, noTime := v.time.read(r.Header)
	if refusal := cmp.Or(noSignature, noID, noTime); refusal != nil {
		return Receipt{}, refusal
	}
	var v1, v1a candidates
	if !parseStandard(text, &v1, &v1a) || !v.content.allowsID(id) {
		return Receipt{}, v.refusals.malformed
	}
	at, refusal := v.stamp.judge(stamp, r.Time)
	if refusal != nil {
		return Receipt{}, refusal
	}
	var scheme string
	var signed []byte
	keyID, refusal := v.keys.match(ctx, r.Time, &v.refusals, func(k standardKey) bool {
		if k.macs != nil {
			scheme = "standard-webhooks-v1"
			return v1.n > 0 && k.macs.equals(&v1, v.content, id, stamp, r.Body)
		}
		if v1a.n == 0 {
			return false
		}
		if signed == nil {
			signed = v.content.appendTo(make([]byte, 0, len(id)+len(stamp)+len(r.Body)+2), id, stamp, r.Body)
		}
		scheme = "standard-webhooks-v1a"
		return v1a.signedBy(k.public, signed)
	})
	if refusal != nil {
		return Receipt{}, refusal
	}
	return Receipt{Scheme: scheme, KeyID: keyID, ID: id, Time: at, BodySigned: true}, nil
}

// parseStandard reads a list such as "v1,K5oZ… v1a,hnO3…". One malformed signature of a known version makes the list malformed.
func parseStandard(text string, v1, v1a *candidates) bool {
	for element := range strings.SplitSeq(text, " ") {
		version, signature, _ := strings.Cut(element, ",")
		switch version {
		case "v1":
			if !v1.add(signature, 32, Base64) {
				return false
			}
		case "v1a":
			if v1a.n == maxAsymmetric || !v1a.add(signature, ed25519.SignatureSize, Base64) {
				return false
			}
		}
	}
	return v1.n+v1a.n > 0
}

// signedBy reports whether one of the candidates is a signature of text under the key.
func (c *candidates) signedBy(key ed25519.PublicKey, text []byte) bool {
	return slices.ContainsFunc(c.digest[:c.n], func(d [maxDigest]byte) bool { return ed25519.Verify(key, text, d[:]) })
}
