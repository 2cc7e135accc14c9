package webhook

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // for senders that offer nothing else, and only when it is asked for
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"sync"
)

// Hash is the hash function under an HMAC.
type Hash string

// The hash functions. SHA1 is for old senders that offer nothing better: HMAC-SHA1 is not broken, but
// new code should not use it, and it is never chosen unless it is named.
const (
	SHA256 Hash = "sha256"
	SHA384 Hash = "sha384"
	SHA512 Hash = "sha512"
	SHA1   Hash = "sha1"
)

func (h Hash) function() func() hash.Hash {
	switch h {
	case SHA256:
		return sha256.New
	case SHA384:
		return sha512.New384
	case SHA512:
		return sha512.New
	case SHA1:
		return sha1.New
	default:
		return nil
	}
}

// macPool holds keyed hashes of one key. Keying is what makes hmac.New expensive: it hashes two blocks and allocates
// seven times. A reset hash starts from the state after the key.
type macPool struct{ pool sync.Pool }

type mac struct {
	hash hash.Hash
	sum  [maxDigest]byte
	text []byte
}

func newMACPool(h Hash, key []byte) *macPool {
	key = append([]byte(nil), key...)
	p := new(macPool)
	p.pool.New = func() any {
		m := &mac{hash: hmac.New(h.function(), key)}
		m.hash.Reset() // makes it remember the state after the key
		return m
	}
	return p
}

// equals computes the MAC of the content and reports whether one of the candidates is it, in constant time.
func (p *macPool) equals(candidates *candidates, c content, id, timestamp string, body []byte) bool {
	m, _ := p.pool.Get().(*mac)
	m.hash.Reset()
	for i := range c {
		switch part := &c[i]; part.kind {
		case 'b':
			m.hash.Write(body)
		case 'i':
			m.write(id)
		case 't':
			m.write(timestamp)
		default:
			m.write(part.literal)
		}
	}
	sum := m.hash.Sum(m.sum[:0])
	equal := candidates.hold(sum)
	clear(sum)
	p.pool.Put(m)
	return equal
}

// write copies into a buffer that lives as long as the hash, because a conversion would allocate.
func (m *mac) write(s string) {
	m.text = append(m.text[:0], s...)
	m.hash.Write(m.text)
}

// maxCandidates is how many signatures one header may offer. Senders give two during a rotation.
const maxCandidates = 8

// candidates are the signatures a header offers.
type candidates struct {
	n      int
	digest [maxCandidates][maxDigest]byte
}

// add decodes one more signature.
func (c *candidates) add(s string, size int, enc Encoding) bool {
	if c.n == maxCandidates || !decodeDigest(&c.digest[c.n], s, size, enc) {
		return false
	}
	c.n++
	return true
}

// hold compares all candidates, whichever matches.
func (c *candidates) hold(sum []byte) bool {
	equal := false
	for i := range c.n {
		equal = hmac.Equal(sum, c.digest[i][:len(sum)]) || equal
	}
	return equal
}
