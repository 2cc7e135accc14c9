package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/identkit/identkit"
)

// HMACConfig describes how a sender signs with a shared key. Keys and Header are required; the rest describes what
// is special about the sender.
type HMACConfig struct {
	// Keys are tried in order.
	Keys *Keyring
	// DecodeKey turns a key's text into its bytes, for senders that hand out encoded keys. Nil means the
	// text's own bytes.
	DecodeKey func(identkit.Secret) ([]byte, error)
	// Hash is SHA256 when empty.
	Hash Hash
	// Header holds the signature, such as "X-Hub-Signature-256". It must come exactly once, with at most 4 KiB.
	Header string
	// Prefixes are removed from the front of the signature, whatever their case: "sha256=", "SHA256:", "v1,".
	Prefixes []string
	// RequirePrefix refuses a signature that has none of the Prefixes.
	RequirePrefix bool
	// Separator, when set, means that the header lists several elements, such as "," in "t=…,v1=…". Those
	// with one of the Prefixes are signatures, of which one must match and at most 8 may come; elements without
	// are ignored.
	Separator string
	// Encoding reads hex and base64 when empty.
	Encoding Encoding
	// Content is what is signed, a template of {id}, {timestamp}, {body} and literal text, such as
	// "v0:{timestamp}:{body}". Empty means "{body}".
	Content string
	// IDHeader holds the id, if Content has one: at most 255 printable characters, none of Content's literals.
	IDHeader string
	// TimestampHeader holds the timestamp, if Content has one. Exactly one of it and TimestampPrefix is set then.
	TimestampHeader string
	// TimestampPrefix marks the element of Header that is the timestamp, such as "t=".
	TimestampPrefix string
	// TimestampFormat is UnixSeconds when empty.
	TimestampFormat TimestampFormat
	// Tolerance is how far the timestamp may be from [Request].Time, in either direction. Zero means 5 minutes.
	Tolerance time.Duration
}

// NewHMAC returns a verifier of HMAC signatures. It reports all faults of the configuration at once; an unsigned
// timestamp or id is one of them, because anybody could change it.
func NewHMAC(cfg HMACConfig) (Verifier, error) {
	cfg.Hash = cmp.Or(cfg.Hash, SHA256)
	scheme := "hmac-" + string(cfg.Hash)
	var f faults
	cfg.check(&f)
	v := &hmacVerifier{
		encoding: cfg.Encoding, separator: cfg.Separator, header: f.header("Header", scheme, cfg.Header, maxHeader),
		prefixes: slices.Clone(cfg.Prefixes), requirePrefix: cfg.RequirePrefix || cfg.Separator != "",
		stampPrefix: cfg.TimestampPrefix, refusals: newRefusals(scheme, "header "+cfg.Header),
	}
	// The longest first: "v1" would take off the beginning of "v1=".
	slices.SortStableFunc(v.prefixes, func(a, b string) int { return len(b) - len(a) })
	var fault string
	v.content, fault = parseContent(cfg.Content)
	f.that(fault == "", "Content", fault)
	if v.content.has('i') {
		v.id = f.header("IDHeader", scheme, cfg.IDHeader, maxHeader)
	}
	if v.content.has('t') {
		v.stamp = f.stamp(scheme, cfg.TimestampFormat, cfg.Tolerance)
		if cfg.TimestampPrefix == "" {
			v.time = f.header("TimestampHeader", scheme, cfg.TimestampHeader, maxHeader)
		}
	}
	if function := cfg.Hash.function(); function != nil {
		v.size = function().Size()
		v.keys = deriveKeys(&f, cfg.Keys, 0, func(k *Key, s identkit.Secret) (*macPool, error) {
			key := []byte(s.Reveal())
			if cfg.DecodeKey != nil {
				var err error
				if key, err = cfg.DecodeKey(s); err != nil {
					return nil, errors.New("cannot be decoded") // the cause may quote the key
				}
			}
			if len(key) == 0 || len(key) < shortestKey && !k.AllowShort {
				return nil, fmt.Errorf("is shorter than %d bytes", shortestKey)
			}
			return newMACPool(cfg.Hash, key), nil
		})
	}
	return f.verifier("NewHMAC", v)
}

// check reports what contradicts itself.
func (cfg *HMACConfig) check(f *faults) {
	signsID, signsTime := strings.Contains(cfg.Content, "{id}"), strings.Contains(cfg.Content, "{timestamp}")
	header, element := cfg.TimestampHeader != "", cfg.TimestampPrefix != ""
	f.that(cfg.Hash.function() != nil, "Hash", "is unknown")
	f.that(cfg.Encoding.known(), "Encoding", "is unknown")
	f.that(!cfg.RequirePrefix || len(cfg.Prefixes) > 0, "RequirePrefix", "needs Prefixes")
	f.that(cfg.Separator == "" || len(cfg.Prefixes) > 0, "Separator", "needs Prefixes")
	f.that(!element || cfg.Separator != "", "TimestampPrefix", "needs Separator")
	f.that(signsID || cfg.IDHeader == "", "IDHeader", "is set, but Content does not sign {id}")
	f.that(!signsTime || header != element, "TimestampHeader", "or TimestampPrefix, and not both, is needed for {timestamp} in Content")
	f.that(signsTime || !header && !element, "TimestampHeader", "or TimestampPrefix is set, but Content does not sign {timestamp}")
	f.that(signsTime || cfg.Tolerance == 0, "Tolerance", "is set, but Content does not sign {timestamp}")
	f.that(!slices.Contains(cfg.Prefixes, ""), "Prefixes", "has an empty entry")
}

type hmacVerifier struct {
	size     int
	encoding Encoding
	keys     *derived[*macPool]
	content  content

	header        singleHeader
	separator     string
	prefixes      []string
	requirePrefix bool
	id, time      singleHeader
	stampPrefix   string
	stamp         stampRules

	refusals refusals
}

func (v *hmacVerifier) Verify(ctx context.Context, r *Request) (Receipt, error) {
	text, refusal := v.header.read(r.Header)
	if refusal != nil {
		return Receipt{}, refusal
	}
	var offered candidates
	stamp, ok := v.parse(text, &offered)
	if !ok {
		return Receipt{}, v.refusals.malformed
	}
	var id string
	if v.id.name != "" {
		if id, refusal = v.id.read(r.Header); refusal != nil {
			return Receipt{}, refusal
		}
		if !v.content.allowsID(id) {
			return Receipt{}, v.refusals.malformed
		}
	}
	var at time.Time
	if v.stamp.tolerance != 0 {
		if v.stampPrefix == "" {
			if stamp, refusal = v.time.read(r.Header); refusal != nil {
				return Receipt{}, refusal
			}
		}
		if at, refusal = v.stamp.judge(stamp, r.Time); refusal != nil {
			return Receipt{}, refusal
		}
	}
	keyID, refusal := v.keys.match(ctx, r.Time, &v.refusals, func(p *macPool) bool {
		return p.equals(&offered, v.content, id, stamp, r.Body)
	})
	if refusal != nil {
		return Receipt{}, refusal
	}
	return Receipt{Scheme: v.refusals.scheme, KeyID: keyID, ID: id, Time: at, BodySigned: true}, nil
}

// parse collects the signatures of a header, and its timestamp where the timestamp is an element of it.
func (v *hmacVerifier) parse(text string, offered *candidates) (stamp string, ok bool) {
	if v.separator == "" {
		text, ok = v.cutPrefix(text)
		return "", ok && offered.add(text, v.size, v.encoding)
	}
	stamps := 0
	for element := range strings.SplitSeq(text, v.separator) {
		element = trimBlank(element)
		if rest, found := cutFold(element, v.stampPrefix); v.stampPrefix != "" && found {
			stamp = rest
			stamps++
			continue
		}
		if rest, found := v.cutPrefix(element); found && !offered.add(rest, v.size, v.encoding) {
			return "", false
		}
	}
	return stamp, offered.n > 0 && (v.stampPrefix == "" || stamps == 1)
}

func (v *hmacVerifier) cutPrefix(s string) (rest string, ok bool) {
	for _, p := range v.prefixes {
		if rest, found := cutFold(s, p); found {
			return trimBlank(rest), true
		}
	}
	return s, !v.requirePrefix
}
