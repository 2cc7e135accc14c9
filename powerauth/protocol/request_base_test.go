package protocol_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/protocol"
)

func ExampleSignatureBaseString() {
	nonce := []byte("0123456789abcdef")
	query, err := protocol.CanonicalQuery("to=CZ+1&amount=10%2E5&flag")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(query)
	fmt.Println(protocol.SignatureBaseString("get", "/payments", nonce, []byte(query)))
	// Output:
	// amount=10.5&to=CZ+1
	// GET&L3BheW1lbnRz&MDEyMzQ1Njc4OWFiY2RlZg==&YW1vdW50PTEwLjUmdG89Q1orMQ==
}

func TestSignatureBaseStringMatchesTheVendorsExample(t *testing.T) {
	t.Parallel()
	nonce, err := pacrypto.DecodeBase64("vkueT796IGqdXlfVIJrB9A==")
	require.NoError(t, err)
	assert.Equal(t,
		"POST&L3BhL2xvZ2lu&vkueT796IGqdXlfVIJrB9A==&eyJQbGF0Zm9ybSI6ICJBIiwiTGFuZ3VhZ2VDb2RlIjogIkVORyJ9",
		protocol.SignatureBaseString("post", "/pa/login", nonce, []byte(`{"Platform": "A","LanguageCode": "ENG"}`)))
}

func TestSignatureBaseStringOfNothing(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "GET&&&", protocol.SignatureBaseString("", "", nil, nil))
}

func TestSignatureBaseStringsMatchPublishedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Method                                   *string
			URIID, NonceBase64, BodyUTF8, BaseString string
		}
	}
	readVectors(t, "signature-base-string.json", &file)
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		nonce, err := pacrypto.DecodeBase64(v.NonceBase64)
		require.NoError(t, err)
		method := ""
		if v.Method != nil {
			method = *v.Method
		}
		assert.Equal(t, v.BaseString, protocol.SignatureBaseString(method, v.URIID, nonce, []byte(v.BodyUTF8)))
	}
}

func TestCanonicalQuery(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ raw, want string }{
		"nothing":                              {"", ""},
		"no pairs":                             {"a&b&", ""},
		"sorted by key":                        {"b=1&a=2", "a=2&b=1"},
		"then by value":                        {"a=2&a=10&a=1", "a=1&a=10&a=2"},
		"sorted after decoding":                {"b=1&%61=2", "a=2&b=1"},
		"pairs without a value are left out":   {"a=1&b&c=3", "a=1&c=3"},
		"an empty value stays":                 {"b=&a=1", "a=1&b="},
		"an empty key stays":                   {"=1&a=2", "=1&a=2"},
		"a second equals sign is value":        {"a=b=c", "a=b%3Dc"},
		"plus and %20 are the same":            {"a=1+2&b=1%202", "a=1+2&b=1+2"},
		"Java leaves .-*_ bare, escapes tilde": {"a=.-*_~%2A%7E", "a=.-*_%7E*%7E"},
		"UTF-8":                                {"a=%C5%99%C3%AD", "a=%C5%99%C3%AD"},
		"capital hexadecimal":                  {"a=%c5%99", "a=%C5%99"},
		"surrogates sort before U+FFFD":        {"%EF%BF%BD=1&%F0%9F%98%80=2", "%F0%9F%98%80=2&%EF%BF%BD=1"},
		"a prefix sorts first":                 {"aa=1&a=1", "a=1&aa=1"},
	} {
		got, err := protocol.CanonicalQuery(c.raw)
		require.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
	}
}

func TestCanonicalQueryRefusesWhatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"secret=%", "secret=%zz", "%4=1", "a=%FF", "a=\xff", strings.Repeat("a=1&", 1<<15)} {
		_, err := protocol.CanonicalQuery(raw)
		require.ErrorIs(t, err, protocol.ErrQuery, "%.20q", raw)
		assertSilent(t, err, "secret")
	}
}

func FuzzCanonicalQuery(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw string) {
		canonical, err := protocol.CanonicalQuery(raw)
		if err != nil {
			return
		}
		if again, err := protocol.CanonicalQuery(canonical); err == nil && again != canonical {
			t.Fatalf("canonical form %q is not stable: %q", canonical, again)
		}
	})
}
