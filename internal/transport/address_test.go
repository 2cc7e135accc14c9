package transport

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAddressesThatCannotBeReachedAreRefused(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://h:99999": "port", "https://h:65536/x": "port", "https://h:0": "port", "https://h:": "port", "https://[::1]:70000": "port",
		" https://h": "white space", "https://h ": "white space", "https://h/pac ": "white space", "https://h/pac /": "white space",
		"https://h/pac\n": "control character", "https://h/\x00": "control character", "https://h/pac\u00a0": "white space",
		"\ufeffhttps://h/pac": "white space", "https://h/a b": "white space",
	} {
		var check Check
		assert.Nil(t, New(Config{Provider: "test", BaseURL: address}, &check), "%q", address)
		require.Len(t, check.Faults, 1, "%q", address)
		assert.Equal(t, "BaseURL", check.Faults[0].Field, "%q", address)
		assert.Contains(t, check.Faults[0].Reason, want, "%q", address)
	}
	for _, address := range []string{"https://h:65535", "https://h:1/x", "https://[::1]:443", "https://h/a%20b"} {
		var check Check
		assert.NotNil(t, New(Config{Provider: "test", BaseURL: address}, &check), "%q: %v", address, check.Faults)
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"https://h", "https://h:99999", "https://h/a b", " https://h", "https://h:65535/\n", "https://[::1%25en0]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var check Check
		u := check.URL("f", text, "https")
		if (u == nil) != (len(check.Faults) == 1) {
			t.Fatalf("%q: %v, %v", text, u, check.Faults)
		}
		if u == nil {
			return
		}
		if back, err := url.Parse(u.String()); err != nil || back.Host != u.Host || strings.ContainsAny(text, " \t\r\n") {
			t.Fatalf("%q became %q (%v)", text, u, err)
		}
	})
}
