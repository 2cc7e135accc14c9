package webhook

import (
	"cmp"
	"context"
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
	// ForwardedHeader read, from its end up to the first address that is not a trusted proxy: anybody could have written
	// what stands before that. The entry "unix" is a proxy on a Unix domain socket.
	TrustedProxies []string
	// ForwardedHeader is the header in which proxies append their peer's address. Empty means "X-Forwarded-For".
	ForwardedHeader string
}

// NewAddresses returns a verifier of the source address. An address alone is weak: use it beside another scheme, see [All].
// A trusted range that covers every address is a configuration error, because then the sender names itself.
func NewAddresses(cfg AddressConfig) (Verifier, error) {
	const scheme = "addresses"
	var f faults
	f.that(len(cfg.Allow) > 0, "Allow", "is empty")
	isSocket := func(entry string) bool { return entry == "unix" }
	v := &addresses{
		allow:        f.ranges("Allow", cfg.Allow),
		trusted:      f.ranges("TrustedProxies", slices.DeleteFunc(slices.Clone(cfg.TrustedProxies), isSocket)),
		trustsSocket: slices.ContainsFunc(cfg.TrustedProxies, isSocket),
		forwarded:    f.header("ForwardedHeader", scheme, cmp.Or(cfg.ForwardedHeader, "X-Forwarded-For"), maxHeader),
	}
	everyone := func(p netip.Prefix) bool { return p.IsValid() && p.Bits() == 0 }
	f.that(!slices.ContainsFunc(v.trusted, everyone), "TrustedProxies", "covers every address")
	v.unknown = &VerifyError{Reason: ReasonMissing, Scheme: scheme, Detail: "the source address is not known"}
	v.malformed = &VerifyError{Reason: ReasonMalformed, Scheme: scheme, Detail: "header " + v.forwarded.name + " is not a list of addresses"}
	v.outside = &VerifyError{Reason: ReasonMismatch, Scheme: scheme, Detail: "the source address is not on the list"}
	return f.verifier("NewAddresses", v)
}

func (f *faults) ranges(field string, texts []string) []netip.Prefix {
	var ranges []netip.Prefix
	for i, text := range texts {
		p, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			p, err = addr.Unmap().WithZone("").Prefix(addr.Unmap().BitLen())
		}
		f.that(err == nil && !p.Addr().Is4In6(), fmt.Sprintf("%s[%d]", field, i), "is neither an address nor a range")
		ranges = append(ranges, p.Masked())
	}
	return ranges
}

type addresses struct {
	allow, trusted              []netip.Prefix
	trustsSocket                bool
	forwarded                   singleHeader
	unknown, malformed, outside *VerifyError
}

// maxHops is how many proxies a delivery may have passed.
const maxHops = 32

func (a *addresses) Verify(_ context.Context, r *Request) (Receipt, error) {
	source, ok := parseAddress(r.RemoteAddr)
	socket := !ok && a.trustsSocket && strings.HasPrefix(r.RemoteAddr, "@") // what net/http shows for the peer on a socket
	if !ok && !socket {
		return Receipt{}, a.unknown
	}
	// A proxy that adds no header speaks for itself.
	if lines := r.Header[a.forwarded.name]; len(lines) > 0 && (socket || within(source, a.trusted)) {
		hops := strings.Split(strings.Join(lines, ","), ",")
		if len(hops) > maxHops {
			return Receipt{}, a.malformed
		}
		for i := len(hops) - 1; i >= 0 && (socket || within(source, a.trusted)); i-- {
			if source, ok = parseAddress(hops[i]); !ok {
				return Receipt{}, a.malformed
			}
			socket = false
		}
	}
	if !within(source, a.allow) {
		return Receipt{}, a.outside
	}
	return Receipt{Scheme: "addresses"}, nil
}

// parseAddress reads an address with or without a port, and an IPv4-mapped address as the IPv4 address.
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
	return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(a) })
}
