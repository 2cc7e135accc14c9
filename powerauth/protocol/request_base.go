package protocol

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/identkit/identkit/internal/pacrypto"
)

// ErrQuery is the error of a query string that cannot be decoded.
var ErrQuery = errors.New("powerauth: query string cannot be decoded")

const maxQuery = 64 << 10

// SignatureBaseString builds the text that the code in X-PowerAuth-Authorization is computed over, the application
// secret apart: METHOD&b64(uriId)&b64(nonce)&b64(data). An empty method counts as GET.
//
// The uriID is the constant agreed with the app, which need not be the path. For a request with a body, data is the
// body exactly as received; for GET it is [CanonicalQuery]. The provider builds this text itself when it verifies a
// signature; compare it with the app's to find out why a signature does not match.
//
// Source: wultra/powerauth-crypto, docs/Computing-and-Validating-Signatures.md, checked 2026-11.
func SignatureBaseString(method, uriID string, nonce, data []byte) string {
	if method == "" {
		method = "GET"
	}
	encode := pacrypto.EncodeBase64
	return strings.Join([]string{strings.ToUpper(method), encode([]byte(uriID)), encode(nonce), encode(data)}, "&")
}

// CanonicalQuery brings the raw query string of a GET request into the form that is signed: pairs decoded, sorted by
// key and then by value, encoded again as form data. Pairs without "=" are left out. An empty result is signed as no
// data at all. Malformed escapes and text that is not UTF-8 are [ErrQuery]; at most 64 KiB are read.
//
// Order and encoding are those of the vendor's Java code (PowerAuthRequestCanonizationUtils in
// wultra/powerauth-crypto, checked 2026-11), which sorts by UTF-16 units and leaves only letters, digits and ".-*_" bare.
func CanonicalQuery(raw string) (string, error) {
	if len(raw) > maxQuery {
		return "", fmt.Errorf("%w: too long", ErrQuery)
	}
	var pairs [][2]string
	for pair := range strings.SplitSeq(raw, "&") {
		k, v, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		key, errKey := url.QueryUnescape(k)
		value, errValue := url.QueryUnescape(v)
		if errKey != nil || errValue != nil {
			return "", fmt.Errorf("%w: malformed escape", ErrQuery)
		}
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return "", fmt.Errorf("%w: not UTF-8", ErrQuery)
		}
		pairs = append(pairs, [2]string{key, value})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		return cmp.Or(compareUTF16(a[0], b[0]), compareUTF16(a[1], b[1]))
	})
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = formEncode(p[0]) + "=" + formEncode(p[1])
	}
	return strings.Join(out, "&"), nil
}

// compareUTF16 differs from comparing bytes where characters beyond U+FFFF meet those from U+E000 on.
func compareUTF16(a, b string) int {
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

// formEncode escapes as Java's URLEncoder does.
func formEncode(s string) string {
	return strings.NewReplacer("%2A", "*", "~", "%7E").Replace(url.QueryEscape(s))
}
