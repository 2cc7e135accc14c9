package protocol_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/powerauth/protocol"
)

const publishedJWT = "eyJhbGciOiJub25lIiwidHlwZSI6IkpXVCJ9.eyJvaWQiOiIzYjllZGZkMi00ZDgyLTQ3N2MtYjRiMy0yMGZhNWM5OWM5OTMiLCJwb3RwIjoiMTQzNTc0NTgifQ=="

var publishedProximity = protocol.ProximityDeeplink{OperationID: "3b9edfd2-4d82-477c-b4b3-20fa5c99c993", OTP: "14357458"}

// token is an unsigned JWT.
func token(payload string) string {
	return "e30." + base64.StdEncoding.EncodeToString([]byte(payload))
}

func ExampleProximityDeeplink() {
	d := protocol.ProximityDeeplink{OperationID: "3b9edfd2-4d82-477c-b4b3-20fa5c99c993", OTP: "14357458"}
	link, err := d.URL("mtoken")
	fmt.Println(link, err)

	read, err := protocol.ParseProximityDeeplink(link)
	fmt.Println(read == d, err)
	// Output:
	// mtoken://operation?oid=3b9edfd2-4d82-477c-b4b3-20fa5c99c993&potp=14357458 <nil>
	// true <nil>
}

func TestProximityDeeplinkWritesThePublishedForms(t *testing.T) {
	t.Parallel()
	jwt, err := publishedProximity.JWT()
	require.NoError(t, err)
	assert.Equal(t, publishedJWT, jwt)
	assertSilent(t, publishedProximity, publishedProximity.OTP.Reveal())
	link, err := publishedProximity.CodeURL("scheme")
	require.NoError(t, err)
	assert.Equal(t, "scheme://operation?code="+publishedJWT, link)
}

func TestProximityDeeplinkReadsEveryPublishedForm(t *testing.T) {
	t.Parallel()
	const id, otp = "3b9edfd2-4d82-477c-b4b3-20fa5c99c993", "14357458"
	bare := strings.TrimRight(publishedJWT, "=")
	for name, text := range map[string]string{
		"potp":                "scheme://operation?oid=" + id + "&potp=" + otp,
		"older name":          "scheme://operation?oid=" + id + "&totp=" + otp,
		"both names, same":    "scheme://operation?totp=" + otp + "&potp=" + otp + "&oid=" + id,
		"unknown parameters":  "scheme://operation?lang=cs&oid=" + id + "&potp=" + otp + "#part",
		"other host":          "scheme://login?oid=" + id + "&potp=" + otp,
		"percent-encoded":     "scheme://operation?oid=%33" + id[1:] + "&potp=" + otp,
		"token in a link":     "scheme://operation?code=" + publishedJWT,
		"bare token":          publishedJWT,
		"token, no padding":   bare,
		"token, no signature": publishedJWT + ".",
		"older name in token": "e30.eyJvaWQiOiIzYjllZGZkMi00ZDgyLTQ3N2MtYjRiMy0yMGZhNWM5OWM5OTMiLCJ0b3RwIjoiMTQzNTc0NTgifQ",
	} {
		got, err := protocol.ParseProximityDeeplink(text)
		require.NoError(t, err, name)
		assert.Equal(t, publishedProximity, got, name)
	}
	got, err := protocol.ParseProximityDeeplink(token(`{"x":[{"oid":"b"}],"OID":"c","oid":"` + id + `","potp":null}`))
	require.NoError(t, err, "unknown members, and a code of null")
	assert.Equal(t, protocol.ProximityDeeplink{OperationID: id}, got)
	got, err = protocol.ParseProximityDeeplink("scheme://operation?oid=" + id)
	require.NoError(t, err)
	assert.Equal(t, protocol.ProximityDeeplink{OperationID: id}, got, "the code may be missing")
}

func TestProximityDeeplinkRefusesMalformedTexts(t *testing.T) {
	t.Parallel()
	const otp = "14357458"
	for name, text := range map[string]string{
		"nothing":              "",
		"a word":               "abc",
		"no scheme":            "operation?oid=id&potp=" + otp,
		"no query":             "scheme://an-invalid-url.com",
		"scheme with a blank":  "a b://operation?oid=id",
		"token of one part":    "scheme://operation?code=abc",
		"signed token":         publishedJWT + ".c2ln",
		"four parts":           publishedJWT + "..",
		"not Base64":           "e30.?",
		"line break":           "e30.e3\n0",
		"not JSON":             "e30.AAAA",
		"no id in token":       "e30.e30",
		"number as code":       "e30.eyJvaWQiOiJhIiwicG90cCI6MTQzNTc0NTh9",
		"duplicate member":     token(`{"oid":"a","oid":"b"}`),
		"duplicate, escaped":   token(`{"oid":"a","o\u0069d":"a"}`),
		"duplicate, unknown":   token(`{"oid":"a","x":1,"x":1}`),
		"name in upper case":   token(`{"OID":"a"}`),
		"array":                token(`["oid","a"]`),
		"more after the value": token(`{"oid":"a"}{}`),
		"object cut":           token(`{"oid":"a"`),
		"comma at the end":     token(`{"oid":"a",}`),
		"text":                 token(`"oid"`),
		"empty id":             "scheme://operation?oid=&potp=" + otp,
		"short code":           "scheme://operation?oid=id&potp=1234567",
		"letters in code":      "scheme://operation?oid=id&potp=1435745x",
		"two different codes":  "scheme://operation?oid=id&potp=" + otp + "&totp=14357459",
		"duplicate id":         "scheme://operation?oid=id&oid=di&potp=" + otp,
		"malformed escape":     "scheme://operation?oid=%zz",
		"control character id": "scheme://operation?oid=a%0Ab",
		"too long":             "scheme://operation?oid=" + strings.Repeat("a", 5000),
		"id too long":          "scheme://operation?oid=" + strings.Repeat("a", 257),
	} {
		got, err := protocol.ParseProximityDeeplink(text)
		require.ErrorIs(t, err, protocol.ErrProximityDeeplink, name)
		assert.Zero(t, got, name)
		assertSilent(t, err, otp, "1435745")
	}
}

func TestProximityDeeplinkIsNotWrittenWithInvalidValues(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]protocol.ProximityDeeplink{
		"no id": {OTP: "14357458"}, "blank in id": {OperationID: "a b"}, "UTF-8": {OperationID: "ř"},
		"short code": {OperationID: "a", OTP: "1"}, "injection": {OperationID: "a", OTP: "1&oid=b1"},
	} {
		_, err := d.URL("scheme")
		assert.ErrorIs(t, err, protocol.ErrProximityDeeplink, name)
		_, err = d.CodeURL("scheme")
		assert.ErrorIs(t, err, protocol.ErrProximityDeeplink, name)
		_, err = d.JWT()
		assert.ErrorIs(t, err, protocol.ErrProximityDeeplink, name)
	}
	for _, scheme := range []string{"", "1a", "a b", "a:", "javascript:alert(1)//", "é"} {
		_, err := publishedProximity.URL(scheme)
		assert.ErrorIs(t, err, protocol.ErrProximityDeeplink, scheme)
	}
}

func TestProximityDeeplinkEscapesIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []protocol.OperationID{"E/+DRFVm=", "a&b=c", "a%2Fb", "~?>>>???", "a#b", `"\`} {
		d := protocol.ProximityDeeplink{OperationID: id, OTP: "00000001"}
		for _, format := range []func(string) (string, error){d.URL, d.CodeURL} {
			text, err := format("my-app.v2")
			require.NoError(t, err)
			u, err := url.Parse(text)
			require.NoError(t, err)
			assert.Equal(t, "operation", u.Host)
			got, err := protocol.ParseProximityDeeplink(text)
			require.NoError(t, err, text)
			assert.Equal(t, d, got)
		}
	}
}

func TestProximityDeeplinksMatchPublishedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Input, OperationID string
			TOTP               *string
		}
		Invalid []string
	}
	readVectors(t, "proximity-qr-deeplink.json", &file)
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		got, err := protocol.ParseProximityDeeplink(v.Input)
		require.NoError(t, err, v.Input)
		assert.Equal(t, protocol.OperationID(v.OperationID), got.OperationID)
		if v.TOTP == nil {
			assert.Empty(t, got.OTP.Reveal())
			continue
		}
		assert.Equal(t, *v.TOTP, got.OTP.Reveal())
	}
	for _, s := range file.Invalid {
		_, err := protocol.ParseProximityDeeplink(s)
		assert.Error(t, err, s)
	}
}

func FuzzProximityDeeplink(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		d, err := protocol.ParseProximityDeeplink(text)
		if err != nil {
			if d != (protocol.ProximityDeeplink{}) {
				t.Fatal("a refused text has a value")
			}
			return
		}
		jwt, err := d.JWT()
		if err != nil {
			t.Fatalf("cannot write what was parsed: %v", err)
		}
		for _, format := range []func(string) (string, error){d.URL, d.CodeURL} {
			link, err := format("s")
			if err != nil {
				t.Fatalf("cannot write what was parsed: %v", err)
			}
			for _, form := range []string{link, jwt} {
				if again, err := protocol.ParseProximityDeeplink(form); err != nil || again != d {
					t.Fatalf("%q read as %+v, %v", form, again, err)
				}
			}
		}
	})
}
