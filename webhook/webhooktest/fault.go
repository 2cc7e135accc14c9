package webhooktest

import (
	"cmp"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// Fault makes a delivery inauthentic. A receiver must refuse a delivery with any of them that its scheme detects: only one that
// signs the body detects FaultOtherBody and FaultBodyPrefix, only one that signs a timestamp FaultExpired and FaultFuture.
type Fault string

// The faults. The first group changes every header, query parameter and path segment that the signer added, the
// second the input of the signer.
const (
	FaultMissing   Fault = "missing"   // removed
	FaultEmpty     Fault = "empty"     // emptied
	FaultRepeated  Fault = "repeated"  // duplicated
	FaultTooLong   Fault = "too long"  // followed by 100 KiB
	FaultTruncated Fault = "truncated" // its last third missing
	FaultTampered  Fault = "tampered"  // of the right length, with one character changed

	FaultOtherBody  Fault = "other body"  // signed for another body
	FaultBodyPrefix Fault = "body prefix" // signed for the first half of the body
	FaultExpired    Fault = "expired"     // signed 10 minutes ago
	FaultFuture     Fault = "future"      // signed 10 years ahead
)

// Faults lists all faults.
func Faults() []Fault {
	return append(faultsOfParts(), FaultOtherBody, FaultBodyPrefix, FaultExpired, FaultFuture)
}

func faultsOfParts() []Fault {
	return []Fault{FaultMissing, FaultEmpty, FaultRepeated, FaultTooLong, FaultTruncated, FaultTampered}
}

// SignWithFault signs with a fault.
func SignWithFault(sign Signer, fault Fault) Signer {
	return func(o *Outgoing) error {
		before := snapshot(o.Request)
		given := *o
		switch fault {
		case FaultOtherBody:
			given.Body = append([]byte(" "), o.Body...)
		case FaultBodyPrefix:
			given.Body = o.Body[:len(o.Body)/2]
		case FaultExpired:
			given.Time = o.Time.Add(-10 * time.Minute)
		case FaultFuture:
			given.Time = o.Time.AddDate(10, 0, 0)
		}
		if err := sign(&given); err != nil {
			return err
		}
		for _, p := range before.added(o.Request) {
			p.change(o.Request, fault)
		}
		return nil
	}
}

// seen is a request before signing.
type seen struct {
	header      http.Header
	query, path string
}

func snapshot(r *http.Request) seen {
	return seen{header: r.Header.Clone(), query: r.URL.RawQuery, path: r.URL.Path}
}

// part is a header, query or path that a signer has changed.
type part struct {
	header string // name; else query or path
	query  bool
	before string // of query or path
}

func (p part) String() string {
	if p.query {
		return "query"
	}
	return cmp.Or(p.header, "path")
}

// added lists the parts that a signer has added, in a fixed order.
func (s seen) added(r *http.Request) []part {
	var parts []part
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if !slices.Equal(r.Header[name], s.header[name]) {
			parts = append(parts, part{header: name})
		}
	}
	if r.URL.RawQuery != s.query {
		parts = append(parts, part{query: true, before: s.query})
	}
	if r.URL.Path != s.path {
		parts = append(parts, part{before: s.path})
	}
	return parts
}

// change applies a fault to one part.
func (p part) change(r *http.Request, fault Fault) {
	if p.header != "" {
		value := r.Header.Get(p.header)
		switch fault {
		case FaultMissing:
			r.Header.Del(p.header)
		case FaultRepeated:
			r.Header.Add(p.header, value)
		default:
			r.Header.Set(p.header, faultyText(value, fault))
		}
		return
	}
	if p.query {
		rest := strings.TrimPrefix(r.URL.RawQuery, p.before)
		switch fault {
		case FaultMissing:
			r.URL.RawQuery = p.before
		case FaultRepeated:
			r.URL.RawQuery += "&" + strings.TrimPrefix(rest, "&")
		default:
			name, value, _ := strings.Cut(rest, "=")
			r.URL.RawQuery = p.before + name + "=" + faultyText(value, fault)
		}
		return
	}
	base, segment := path.Split(r.URL.Path)
	r.URL.RawPath = ""
	switch fault {
	case FaultMissing:
		r.URL.Path = p.before
	case FaultRepeated: // a path may have a duplicate segment
	default:
		r.URL.Path = base + faultyText(segment, fault)
	}
}

func faultyText(s string, fault Fault) string {
	switch fault {
	case FaultEmpty:
		return ""
	case FaultTooLong:
		return s + strings.Repeat("0", 100<<10)
	case FaultTruncated:
		return s[:len(s)*2/3]
	case FaultTampered:
		at := len(s) * 2 / 3
		swap := byte('0')
		if at < len(s) && s[at] == swap {
			swap = '1'
		}
		return s[:at] + string(swap) + s[min(at+1, len(s)):]
	default:
		return s
	}
}
