package webhook

import (
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
	// are passed over.
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
	// Tolerance is how far the timestamp may be from the time of arrival, in either direction. Zero means 5 minutes.
	Tolerance time.Duration
}

// NewHMAC returns a verifier of HMAC signatures. It reports all faults of the configuration at once; an unsigned
// timestamp or id is one of them, because it would prove nothing.
func NewHMAC(cfg HMACConfig) (Verifier, error) {
	if cfg.Hash == "" {
		cfg.Hash = SHA256
	}
	scheme := "hmac-" + string(cfg.Hash)
	v := &hmacVerifier{
		scheme: scheme, encoding: cfg.Encoding, separator: cfg.Separator,
		prefixes: append([]string(nil), cfg.Prefixes...), requirePrefix: cfg.RequirePrefix || cfg.Separator != "",
		stampPrefix: cfg.TimestampPrefix, refusals: newRefusals(scheme, "header "+cfg.Header),
	}
	// The longest first: "v1" would eat the beginning of "v1=".
	slices.SortStableFunc(v.prefixes, func(a, b string) int { return len(b) - len(a) })
	errs := []error{cfg.check(scheme)}
	keep := func(err error) { errs = append(errs, err) }
	var err error
	v.header, err = newHeaderField(scheme, cfg.Header, maxHeader)
	keep(err)
	v.content, err = parseContent(cfg.Content)
	keep(err)
	if v.content.has('i') {
		v.id, err = newHeaderField(scheme, cfg.IDHeader, maxHeader)
		keep(err)
	}
	if v.content.has('t') {
		v.stamp, err = newStampRules(scheme, cfg.TimestampFormat, cfg.Tolerance)
		keep(err)
		if cfg.TimestampPrefix == "" {
			v.time, err = newHeaderField(scheme, cfg.TimestampHeader, maxHeader)
			keep(err)
		}
	}
	function := cfg.Hash.function()
	if err := errors.Join(errs...); err != nil || function == nil {
		return nil, err
	}
	v.size = function().Size()
	v.keys, err = newDerived(cfg.Keys, func(s identkit.Secret) (*macPool, error) {
		key := []byte(s.Reveal())
		if cfg.DecodeKey != nil {
			var err error
			if key, err = cfg.DecodeKey(s); err != nil {
				return nil, errors.New("cannot be decoded") // the cause may quote the key
			}
		}
		return newMACPool(cfg.Hash, key)
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// check reports what contradicts itself.
func (cfg *HMACConfig) check(scheme string) error {
	var errs []error
	fault := func(wrong bool, text string) {
		if wrong {
			errs = append(errs, fmt.Errorf("webhook: %s: %s", scheme, text))
		}
	}
	signsID, signsTime := strings.Contains(cfg.Content, "{id}"), strings.Contains(cfg.Content, "{timestamp}")
	places := 0
	for _, p := range []string{cfg.TimestampHeader, cfg.TimestampPrefix} {
		if p != "" {
			places++
		}
	}
	fault(cfg.Hash.function() == nil, "unknown Hash")
	fault(!cfg.Encoding.known(), "unknown Encoding")
	fault(cfg.Header == "", "no Header")
	fault(cfg.RequirePrefix && len(cfg.Prefixes) == 0, "RequirePrefix without Prefixes")
	fault(cfg.Separator != "" && len(cfg.Prefixes) == 0, "Separator without Prefixes")
	fault(cfg.TimestampPrefix != "" && cfg.Separator == "", "TimestampPrefix without Separator")
	fault(signsID && cfg.IDHeader == "", "Content has {id}, but there is no IDHeader")
	fault(!signsID && cfg.IDHeader != "", "IDHeader is set, but Content does not sign {id}")
	fault(signsTime && places != 1, "Content has {timestamp}, which needs TimestampHeader or TimestampPrefix, and not both")
	fault(!signsTime && places != 0, "a timestamp is named, but Content does not sign {timestamp}")
	fault(!signsTime && cfg.Tolerance != 0, "Tolerance is set, but Content does not sign {timestamp}")
	for _, p := range cfg.Prefixes {
		fault(p == "", "an empty prefix")
	}
	return errors.Join(errs...)
}

type hmacVerifier struct {
	scheme   string
	size     int
	encoding Encoding
	keys     *derived[*macPool]
	content  content

	header        headerField
	separator     string
	prefixes      []string
	requirePrefix bool
	id, time      headerField
	stampPrefix   string
	stamp         stampRules

	refusals refusals
}

func (v *hmacVerifier) Verify(ctx context.Context, r *Request) (Receipt, error) {
	text, fault := v.header.read(r.Header)
	if fault != nil {
		return Receipt{}, fault
	}
	var offered candidates
	stamp, ok := v.parse(text, &offered)
	if !ok {
		return Receipt{}, v.refusals.malformed
	}
	var id string
	if v.id.name != "" {
		if id, fault = v.id.read(r.Header); fault != nil {
			return Receipt{}, fault
		}
		if !v.content.allowsID(id) {
			return Receipt{}, v.refusals.malformed
		}
	}
	var at time.Time
	if v.stamp.tolerance != 0 {
		if v.stampPrefix == "" {
			if stamp, fault = v.time.read(r.Header); fault != nil {
				return Receipt{}, fault
			}
		}
		if at, fault = v.stamp.judge(stamp, r.Time); fault != nil {
			return Receipt{}, fault
		}
	}
	keyID, reason := v.keys.match(ctx, r.Time, func(p *macPool) bool {
		return p.equals(&offered, v.content, id, stamp, r.Body)
	})
	if reason != "" {
		return Receipt{}, v.refusals.of(reason)
	}
	return Receipt{Scheme: v.scheme, KeyID: keyID, ID: id, Time: at, BodySigned: true}, nil
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
