package protocol_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

// authorization is the vendor's own sample, which lacks a comma and has Base64 with stray bits, with replacements.
func authorization(replace ...string) string {
	text := `PowerAuth pa_activation_id="7a24c6e9-48e9-43c2-ab4a-aed6270e924d", ` +
		`pa_application_key="Z19gyYaW5kb521fYWN0aXZ==", ` +
		`pa_nonce="kYjzVBB8Y0ZFabxSWbWovY==", ` +
		`pa_signature_type="possession_knowledge" ` +
		`pa_signature="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", ` +
		`pa_version="3.1"`
	return strings.NewReplacer(replace...).Replace(text)
}

func ExampleParseAuthorizationHeader() {
	h, err := protocol.ParseAuthorizationHeader(`PowerAuth pa_activation_id="7a24c6e9-48e9-43c2-ab4a-aed6270e924d",
		pa_application_key="Z19gyYaW5kb521fYWN0aXZ==", pa_nonce="kYjzVBB8Y0ZFabxSWbWovY==",
		pa_signature_type="POSSESSION_KNOWLEDGE" pa_signature="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		pa_version="3.1"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.ActivationID, h.Version)
	fmt.Println(h.Factors, h.Factors.Has(protocol.Possession, protocol.Knowledge), h.Factors.Has(protocol.Biometry))
	fmt.Println(h.Code)
	// Output:
	// 7a24c6e9-48e9-43c2-ab4a-aed6270e924d 3.1
	// possession_knowledge true false
	// [secret]
}

func TestAuthorizationHeaderIsReadLeniently(t *testing.T) {
	t.Parallel()
	want, err := protocol.ParseAuthorizationHeader(authorization())
	require.NoError(t, err)
	require.Equal(t, protocol.Factors("possession_knowledge"), want.Factors)

	for name, text := range map[string]string{
		"no commas":             authorization(",", ""),
		"no quotes":             authorization(`"`, ""),
		"no blanks":             authorization(", ", ",", `" `, `",`),
		"line breaks and tabs":  authorization(", ", ",\r\n\t"),
		"blanks around":         "  " + authorization() + "  ",
		"upper-case factors":    authorization("possession_knowledge", "POSSESSION_KNOWLEDGE"),
		"unknown fields":        authorization("PowerAuth ", `PowerAuth pa_new="a, b=c" stray `),
		"trailing comma":        authorization() + ",",
		"other order":           "PowerAuth pa_version=3.1," + authorization("PowerAuth ", "", `, pa_version="3.1"`, "", `pa_version="3.1"`, ""),
		"padding left out":      authorization("aXZ==", "aXZ", "ovY==", "ovY"),
		"more blanks in prefix": authorization("PowerAuth ", "PowerAuth   "),
	} {
		got, err := protocol.ParseAuthorizationHeader(text)
		require.NoError(t, err, name)
		got.ApplicationKey, got.Nonce = want.ApplicationKey, want.Nonce
		assert.Equal(t, want, got, name)
	}
	upper, err := protocol.ParseAuthorizationHeader(authorization("7a24c6e9", "7A24C6E9"))
	require.NoError(t, err)
	assert.Equal(t, protocol.ActivationID("7A24C6E9-48e9-43c2-ab4a-aed6270e924d"), upper.ActivationID, "ids are not changed")
}

func TestAuthorizationHeaderHasACodeForEachFactorOfItsVersion(t *testing.T) {
	t.Parallel()
	bytes := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, c := range []struct {
		version, factors, code string
		want                   bool
	}{
		{"3.0", "possession", "12345678", true},
		{"3.0", "possession_knowledge", "12345678-12345678", true},
		{"3.0", "possession_knowledge_biometry", "12345678-12345678-12345678", true},
		{"3.0", "possession_knowledge", "12345678", false},
		{"3.0", "possession", "1234567", false},
		{"3.0", "possession", "1234567x", false},
		{"3.0", "possession", bytes(16), false},
		{"3.1", "possession", bytes(16), true},
		{"3.2", "knowledge", bytes(16), true},
		{"3.3", "possession_biometry", bytes(32), true},
		{"3.3", "possession_knowledge_biometry", bytes(48), true},
		{"3.3", "possession_biometry", bytes(16), false},
		{"3.3", "possession", bytes(32), false},
		{"3.1", "possession", "12345678", false},
		{"3.1", "possession", "", false},
		{"4.0", "possession_knowledge", bytes(64), true},
		{"4.0", "possession_knowledge", bytes(32), true},
		{"4.0", "possession_knowledge", bytes(48), false},
	} {
		names := []string{`"3.1"`, `"` + c.version + `"`, "possession_knowledge", c.factors, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", c.code}
		if c.version == "4.0" {
			names = append(names, "pa_signature_type", "pa_auth_code_type", "pa_signature", "pa_auth_code")
		}
		h, err := protocol.ParseAuthorizationHeader(authorization(names...))
		require.Equal(t, c.want, err == nil, "%+v", c)
		if c.want {
			assert.Equal(t, c.code, h.Code.Reveal())
			again, err := protocol.ParseAuthorizationHeader(powerauthtest.FormatAuthorizationHeader(h))
			require.NoError(t, err)
			assert.Equal(t, h, again)
		}
	}
}

func TestAuthorizationHeaderRefusesMalformedValues(t *testing.T) {
	t.Parallel()
	const code = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	for name, text := range map[string]string{
		"nothing":                   "",
		"only the prefix":           "PowerAuth ",
		"no prefix":                 authorization("PowerAuth ", ""),
		"other scheme":              authorization("PowerAuth ", "Bearer "),
		"prefix in lower case":      authorization("PowerAuth ", "powerauth "),
		"prefix ended by a tab":     authorization("PowerAuth ", "PowerAuth\t"),
		"no activation id":          authorization("pa_activation_id", "pa_x"),
		"no application key":        authorization("pa_application_key", "pa_x"),
		"no nonce":                  authorization("pa_nonce", "pa_x"),
		"no type":                   authorization("pa_signature_type", "pa_x"),
		"no code":                   authorization("pa_signature=", "pa_x="),
		"no version":                authorization("pa_version", "pa_x"),
		"empty nonce":               authorization("kYjzVBB8Y0ZFabxSWbWovY==", ""),
		"name in upper case":        authorization("pa_nonce", "PA_NONCE"),
		"duplicate field":           authorization() + `, pa_signature_type="possession"`,
		"duplicate unknown field":   authorization() + ` a=1 a=2`,
		"activation id not a UUID":  authorization("7a24c6e9", "7a24c6e"),
		"UUID of version 7":         authorization("43c2", "73c2"),
		"UUID of another variant":   authorization("ab4a", "cb4a"),
		"application key too short": authorization("Z19gyYaW5kb521fYWN0aXZ==", "Z19gyYaW5kb521fYWN0a"),
		"nonce too long":            authorization("kYjzVBB8Y0ZFabxSWbWovY==", "kYjzVBB8Y0ZFabxSWbWovYAA"),
		"nonce not Base64":          authorization("kYjzVBB8", "kYjzVBB_"),
		"unknown factors":           authorization("possession_knowledge", "possession_pin"),
		"factors in other order":    authorization("possession_knowledge", "knowledge_possession"),
		"unknown version":           authorization("3.1", "3.4"),
		"protocol 2":                authorization("3.1", "2.1"),
		"names of 4.0 with 3.1":     authorization("pa_signature_type", "pa_auth_code_type", "pa_signature", "pa_auth_code"),
		"names of 3 with 4.0":       authorization("3.1", "4.0"),
		"quote not closed":          authorization(`"3.1"`, `"3.1`),
		"too long":                  authorization() + strings.Repeat(" ", 4096) + "x",
	} {
		h, err := protocol.ParseAuthorizationHeader(text)
		require.ErrorIs(t, err, protocol.ErrAuthorizationHeader, name)
		assert.Nil(t, h, name)
		assertSilent(t, err, code, "7a24c6e9", "kYjz", "Z19g")
	}
}

func TestHeadersMaskTheirCodes(t *testing.T) {
	t.Parallel()
	h, err := protocol.ParseAuthorizationHeader(authorization())
	require.NoError(t, err)
	assertSilent(t, h, h.Code.Reveal())
	assertSilent(t, *h, h.Code.Reveal())
	token, err := protocol.ParseTokenHeader(tokenHeader())
	require.NoError(t, err)
	assertSilent(t, token, token.Digest.Reveal())
	assertSilent(t, *token, token.Digest.Reveal())
}

func tokenHeader(replace ...string) string {
	text := `PowerAuth token_id="d6561669-34d6-4fee-8913-89477687a5cb" ` +
		`token_digest="UOE4Fg1uJ4lDsN3FFAOZ5cTPTXSp5sSwVFOyoKQH4fE=" ` +
		`nonce="AD8bOO0Df73kNaIGb3Vmpg==" timestamp="1700000000123" version="3.2"`
	return strings.NewReplacer(replace...).Replace(text)
}

func ExampleParseTokenHeader() {
	h, err := protocol.ParseTokenHeader(`PowerAuth token_id="d6561669-34d6-4fee-8913-89477687a5cb",
		token_digest="UOE4Fg1uJ4lDsN3FFAOZ5cTPTXSp5sSwVFOyoKQH4fE=", nonce="AD8bOO0Df73kNaIGb3Vmpg==",
		timestamp="1700000000123", version="3.2"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.TokenID, h.Timestamp().Format(time.RFC3339Nano))
	// Output: d6561669-34d6-4fee-8913-89477687a5cb 2023-11-14T22:13:20.123Z
}

func TestTokenHeaderIsReadLeniently(t *testing.T) {
	t.Parallel()
	want, err := protocol.ParseTokenHeader(tokenHeader())
	require.NoError(t, err)
	for name, text := range map[string]string{
		"commas":    tokenHeader(`" `, `", `),
		"no quotes": tokenHeader(`"`, ""),
		"formatted": powerauthtest.FormatTokenHeader(want),
	} {
		got, err := protocol.ParseTokenHeader(text)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
	for _, version := range []string{"3.0", "3.1", "3.3", "4.0"} {
		h, err := protocol.ParseTokenHeader(tokenHeader("3.2", version))
		require.NoError(t, err)
		assert.Equal(t, version, h.Version)
	}
	h, err := protocol.ParseTokenHeader(tokenHeader("1700000000123", "001700000000123"))
	require.NoError(t, err)
	assert.Equal(t, "001700000000123", h.TimestampText, "the digest covers the text as it is")
	assert.True(t, want.Timestamp().Equal(h.Timestamp()))
	assert.True(t, (&protocol.TokenHeader{}).Timestamp().IsZero())
}

func TestTokenHeaderRefusesMalformedValues(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":            "",
		"no prefix":          tokenHeader("PowerAuth ", ""),
		"no id":              tokenHeader("token_id", "x"),
		"no digest":          tokenHeader("token_digest", "x"),
		"no nonce":           tokenHeader("nonce", "x"),
		"no timestamp":       tokenHeader("timestamp", "x"),
		"no version":         tokenHeader("version", "x"),
		"id not a UUID":      tokenHeader("d6561669", "z6561669"),
		"short digest":       tokenHeader("UOE4", ""),
		"short nonce":        tokenHeader("AD8b", ""),
		"8-digit timestamp":  tokenHeader("1700000000123", "17000000"),
		"16-digit timestamp": tokenHeader("1700000000123", "1700000000123000"),
		"timestamp in hex":   tokenHeader("1700000000123", "170000000012f"),
		"negative timestamp": tokenHeader("1700000000123", "-170000000012"),
		"unknown version":    tokenHeader("3.2", "5.0"),
		"duplicate field":    tokenHeader() + ` version="3.2"`,
		"too long":           tokenHeader() + strings.Repeat(" a", 4096),
		"authorization":      authorization(),
	} {
		h, err := protocol.ParseTokenHeader(text)
		require.ErrorIs(t, err, protocol.ErrTokenHeader, name)
		assert.Nil(t, h, name)
		assertSilent(t, err, "UOE4", "FyoKQH4fE", "AD8b", "d6561669")
	}
}

func FuzzAuthorizationHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, value string) {
		h, err := protocol.ParseAuthorizationHeader(value)
		if err != nil {
			return
		}
		again, err := protocol.ParseAuthorizationHeader(powerauthtest.FormatAuthorizationHeader(h))
		if err != nil || *again != *h {
			t.Fatalf("%q does not parse to what was written: %v", powerauthtest.FormatAuthorizationHeader(h), err)
		}
	})
}

func FuzzTokenHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, value string) {
		h, err := protocol.ParseTokenHeader(value)
		if err != nil {
			return
		}
		again, err := protocol.ParseTokenHeader(powerauthtest.FormatTokenHeader(h))
		if err != nil || *again != *h || h.Timestamp().IsZero() {
			t.Fatalf("%q does not parse to what was written: %v", powerauthtest.FormatTokenHeader(h), err)
		}
	})
}
