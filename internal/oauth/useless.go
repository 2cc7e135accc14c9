package oauth

import "crypto/sha256"

// maxUseless is how many tokens are remembered.
const maxUseless = 1024

// uselessTokens remembers tokens that must not be sent again, the last ones of very many: they were refused, or used as often as they may
// be. A token endpoint that gives the same token to all who ask would bring them back. Only digests are kept.
type uselessTokens struct {
	known map[[sha256.Size]byte]bool
	order [][sha256.Size]byte
	next  int // to be forgotten, once order is full
}

func (u *uselessTokens) has(header string) bool {
	return len(u.known) > 0 && u.known[sha256.Sum256([]byte(header))]
}

func (u *uselessTokens) add(header string) {
	digest := sha256.Sum256([]byte(header))
	switch {
	case u.known[digest]:
		return
	case u.known == nil:
		u.known = make(map[[sha256.Size]byte]bool)
	}
	u.known[digest] = true
	if len(u.order) < maxUseless {
		u.order = append(u.order, digest)
		return
	}
	delete(u.known, u.order[u.next])
	u.order[u.next] = digest
	u.next = (u.next + 1) % maxUseless
}
