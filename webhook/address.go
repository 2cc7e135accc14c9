package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// AddressConfig lists where a sender's deliveries come from. Each entry is an address ("203.0.113.7") or a
// range ("203.0.113.0/24", "2001:db8::/32").
type AddressConfig struct {
	// Allow lists the sender's addresses.
	Allow []string
	// TrustedProxies lists the proxies in front of this program. Only when the peer is one of them is
	// ForwardedHeader believed, from its end up to the first address that is not a trusted proxy: what stands before
	// that, anybody could have written.
	TrustedProxies []string
	// ForwardedHeader is the header in which proxies append their peer's address. Empty means "X-Forwarded-For".
	ForwardedHeader string
}

// NewAddresses returns a verifier of the source address. An address is weak proof, for use beside another: see [All].
// A trusted range that covers every address is a configuration error, because then the sender names itself.
func NewAddresses(cfg AddressConfig) (Verifier, error) {
	const scheme = "addresses"
	header := cfg.ForwardedHeader
	if header == "" {
		header = "X-Forwarded-For"
	}
	allow, err := parseRanges(cfg.Allow)
	errs := []error{err}
	trusted, err := parseRanges(cfg.TrustedProxies)
	errs = append(errs, err)
	if len(cfg.Allow) == 0 {
		errs = append(errs, errors.New("webhook: addresses: nothing is allowed"))
	}
	if slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Bits() == 0 }) {
		errs = append(errs, errors.New("webhook: addresses: a trusted range covers every address"))
	}
	field, err := newHeaderField(scheme, header, maxHeader)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	refuse := func(r Reason, detail string) *ProofError {
		return &ProofError{Reason: r, Scheme: scheme, Detail: detail}
	}
	return &addresses{
		allow: allow, trusted: trusted, forwarded: field.name,
		unknown: refuse(ErrProofMissing, "the source address is not known"),
		garbled: refuse(ErrProofMalformed, "header "+field.name+" is not a list of addresses"),
		outside: refuse(ErrProofWrong, "the source address is not on the list"),
	}, nil
}

func parseRanges(texts []string) ([]netip.Prefix, error) {
	var ranges []netip.Prefix
	var errs []error
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			p, err = addr.Unmap().WithZone("").Prefix(addr.Unmap().BitLen())
		}
		if err != nil || p.Addr().Is4In6() {
			errs = append(errs, fmt.Errorf("webhook: addresses: %q is neither an address nor a range", text))
		}
		ranges = append(ranges, p.Masked())
	}
	return ranges, errors.Join(errs...)
}

type addresses struct {
	allow, trusted            []netip.Prefix
	forwarded                 string
	unknown, garbled, outside *ProofError
}

// maxHops is how many proxies a delivery may have passed.
const maxHops = 32

func (a *addresses) Verify(_ context.Context, r *Request) (Receipt, error) {
	source, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return Receipt{}, a.unknown
	}
	if within(source, a.trusted) {
		hops := strings.Split(strings.Join(r.Header[a.forwarded], ","), ",")
		if len(hops) > maxHops {
			return Receipt{}, a.garbled
		}
		for i := len(hops) - 1; i >= 0 && within(source, a.trusted); i-- {
			if source, ok = parseAddress(hops[i]); !ok {
				return Receipt{}, a.garbled
			}
		}
	}
	if !within(source, a.allow) {
		return Receipt{}, a.outside
	}
	return Receipt{Scheme: "addresses"}, nil
}

// parseAddress reads an address with or without a port, and takes an IPv4 address in IPv6 clothes for what it is.
func parseAddress(s string) (netip.Addr, bool) {
	s = trimBlank(s)
	if with, err := netip.ParseAddrPort(s); err == nil {
		return with.Addr().Unmap().WithZone(""), true
	}
	if bare, found := strings.CutPrefix(s, "["); found {
		s = strings.TrimSuffix(bare, "]")
	}
	addr, err := netip.ParseAddr(s)
	return addr.Unmap().WithZone(""), err == nil
}

func within(a netip.Addr, ranges []netip.Prefix) bool {
	for _, p := range ranges {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
