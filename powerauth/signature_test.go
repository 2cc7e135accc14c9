package powerauth_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

const (
	signedHeader = `PowerAuth pa_activation_id="3b9edfd2-4d82-477c-b4b3-20fa5c99c993", pa_application_key="MTIzNDU2Nzg5MDEyMzQ1Ng==", ` +
		`pa_nonce="kYjzVBB8Y0ZFabxSWbWovY==", pa_signature_type="possession_knowledge", ` +
		`pa_signature="o/3zixXuZnz+xaYt/CnocyT/LtWfTQuFCa0mjA6ZqIE=", pa_version="3.1"`
	signatureValid = `{"signatureValid":true,"userId":"u-1","registrationId":"3b9edfd2-4d82-477c-b4b3-20fa5c99c993",` +
		`"registrationStatus":"ACTIVE","signatureType":"POSSESSION_KNOWLEDGE","remainingAttempts":5}`
)

var signedPost = powerauth.VerifySignatureParams{Method: "POST", URIID: "/payment", AuthHeader: signedHeader, Body: []byte(`{}`)}

func TestVerifySignatureSendsTheReceivedBytes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   powerauth.VerifySignatureParams
		want string
	}{
		"an empty object":          {powerauth.VerifySignatureParams{Method: "POST", Body: []byte(`{}`)}, `"method":"POST","requestBody":"e30=","queryParams":null`},
		"white space is unchanged": {powerauth.VerifySignatureParams{Method: "PUT", Body: []byte("{ }\n")}, `"method":"PUT","requestBody":"eyB9Cg==","queryParams":null`},
		"bytes that are no text":   {powerauth.VerifySignatureParams{Method: "DELETE", Body: []byte{0xff, 0xfe, 0}}, `"method":"DELETE","requestBody":"//4A","queryParams":null`},
		"a POST without a body":    {powerauth.VerifySignatureParams{Method: "POST"}, `"method":"POST","requestBody":"","queryParams":null`},
		"a GET with parameters":    {powerauth.VerifySignatureParams{Method: "GET", QueryParams: map[string]string{"a": "1 2&", "b": ""}}, `"method":"GET","requestBody":null,"queryParams":{"a":"1 2&","b":""}`},
		"a GET without parameter":  {powerauth.VerifySignatureParams{Method: "GET"}, `"method":"GET","requestBody":null,"queryParams":{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := stubbed(t, 200, signatureValid)
			c.in.URIID, c.in.AuthHeader = "/x", `PowerAuth a="b"`
			_, err := client.Signatures.Verify(t.Context(), c.in)
			require.NoError(t, err)
			s.sends(t, `{"uriId":"/x","authHeader":"PowerAuth a=\"b\"",`+c.want+`}`)
			assert.Equal(t, "/powerauth-cloud/v2/signature/verify", s.last(t).path)
		})
	}
}

func TestVerifySignatureReadsEveryDocumentedField(t *testing.T) {
	t.Parallel()
	_, client := stubbed(t, 200, `{"signatureValid":false,"userId":"u-1","registrationId":"r-1","registrationStatus":"BLOCKED",
		"blockedReason":"MAX_FAILED_ATTEMPTS","signatureType":"possession_BIOMETRY","remainingAttempts":0,"flags":["A","B"],"application":"app","new":1}`)
	r, err := client.Signatures.Verify(t.Context(), signedPost)
	require.NoError(t, err)
	zero := 0
	assert.Equal(t, powerauth.Verification{
		UserID: "u-1", RegistrationID: "r-1", RegistrationStatus: powerauth.RegistrationBlocked, BlockedReason: "MAX_FAILED_ATTEMPTS",
		Factors: "possession_biometry", RemainingAttempts: &zero, Flags: []string{"A", "B"}, Applications: []powerauth.ApplicationID{"app"},
	}, r.Verification)
	assert.Contains(t, string(r.RawJSON()), `"new":1`)

	_, client = stubbed(t, 200, `{"signatureValid":false,"userId":null,"registrationId":null,"registrationStatus":"REMOVED","blockedReason":null,"signatureType":null,"remainingAttempts":null,"flags":null,"application":null}`)
	r, err = client.Signatures.Verify(t.Context(), signedPost)
	require.NoError(t, err)
	assert.Equal(t, powerauth.Verification{RegistrationStatus: powerauth.RegistrationRemoved}, r.Verification, "null is absent")

	_, client = stubbed(t, 200, `{"signatureValid":true,"registrationStatus":"ACTIVE","authenticationCodeType":"POSSESSION"}`)
	r, err = client.Signatures.Verify(t.Context(), signedPost)
	require.NoError(t, err)
	assert.True(t, r.Has(protocol.Possession), "the engine's newer name of the type")
}

func TestRemainingAttemptsAreThereOrNil(t *testing.T) {
	t.Parallel()
	three := 3
	for value, want := range map[string]*int{`3`: &three, `"3"`: &three, `3.0`: &three, `null`: nil, `"few"`: nil, `2.5`: nil, `{}`: nil, `[3]`: nil, `true`: nil, `1e30`: nil} {
		_, client := stubbed(t, 200, `{"signatureValid":true,"remainingAttempts":`+value+`,"blockedReason":{},"flags":null}`)
		r, err := client.Signatures.Verify(t.Context(), signedPost)
		require.NoError(t, err, value)
		assert.Equal(t, want, r.RemainingAttempts, value)
	}
}

func TestApplicationIsReadInEveryForm(t *testing.T) {
	t.Parallel()
	for form, want := range map[string][]powerauth.ApplicationID{
		`"app"`: {"app"}, `["a","b"]`: {"a", "b"}, `"[a, b]"`: {"a", "b"}, `"[\"a\",\"b\"]"`: {"a", "b"}, `{"applicationId":"app"}`: {"app"},
		`[{"id":"a"},{"name":"b"}]`: {"a", "b"}, `7`: {"7"}, `null`: nil, `""`: nil, `[]`: nil, `"[]"`: nil, `{}`: nil, `true`: nil, `[null,"a"]`: {"a"},
	} {
		_, client := stubbed(t, 200, `{"signatureValid":true,"application":`+form+`}`)
		r, err := client.Signatures.Verify(t.Context(), signedPost)
		require.NoError(t, err, form)
		assert.ElementsMatch(t, want, r.Applications, form)
	}
}

func TestOnlyAnActiveDeviceWithTheFactorsAuthorizes(t *testing.T) {
	t.Parallel()
	pin := powerauth.RequireFactors(protocol.Possession, protocol.Knowledge)
	for name, c := range map[string]struct {
		valid  bool
		status powerauth.RegistrationStatus
		used   protocol.Factors
		policy powerauth.FactorPolicy
		want   bool
	}{
		"exactly the factors":              {true, "ACTIVE", "possession_knowledge", pin, true},
		"upper case":                       {true, "ACTIVE", "POSSESSION_KNOWLEDGE", pin, true},
		"more factors":                     {true, "ACTIVE", "possession_knowledge_biometry", pin, true},
		"possession alone for the PIN":     {true, "ACTIVE", "possession", pin, false},
		"biometry for the PIN":             {true, "ACTIVE", "possession_biometry", pin, false},
		"biometry where it is enough":      {true, "ACTIVE", "possession_biometry", pin.Or(protocol.Possession, protocol.Biometry), true},
		"neither alternative":              {true, "ACTIVE", "knowledge", pin.Or(protocol.Possession, protocol.Biometry), false},
		"a wrong code":                     {false, "ACTIVE", "possession_knowledge", pin, false},
		"a blocked device":                 {true, "BLOCKED", "possession_knowledge", pin, false},
		"no status":                        {true, "", "possession_knowledge", pin, false},
		"no factors":                       {true, "ACTIVE", "", pin, false},
		"unknown factors":                  {true, "ACTIVE", "possession_knowledge_telepathy", pin, false},
		"a policy without factors":         {true, "ACTIVE", "possession_knowledge", powerauth.RequireFactors(), false},
		"the zero policy":                  {true, "ACTIVE", "possession_knowledge", powerauth.FactorPolicy{}, false},
		"an empty alternative adds no way": {true, "ACTIVE", "possession", pin.Or(), false},
	} {
		v := &powerauth.Verification{Valid: c.valid, RegistrationStatus: c.status, Factors: c.used}
		assert.Equal(t, c.want, v.Authorizes(c.policy), name)
	}
	var none *powerauth.Verification
	assert.False(t, none.Has(protocol.Possession), "no response")
}

func TestOrLeavesThePolicyUnchanged(t *testing.T) {
	t.Parallel()
	base := powerauth.RequireFactors(protocol.Possession, protocol.Knowledge)
	_, other := base.Or(protocol.Possession), base.Or(protocol.Possession, protocol.Biometry)
	assert.False(t, base.Allows("possession"))
	assert.False(t, other.Allows("possession"))
	assert.True(t, other.Allows("possession_biometry"))
}

// verdicts are the calls whose response decides something, with the deciding field.
func verdicts() map[string]struct {
	field string
	call  func(context.Context, *powerauth.Client) (bool, error)
} {
	type row = struct {
		field string
		call  func(context.Context, *powerauth.Client) (bool, error)
	}
	return map[string]row{
		"signature": {"signatureValid", func(ctx context.Context, c *powerauth.Client) (bool, error) {
			r, err := c.Signatures.Verify(ctx, signedPost)
			return r != nil && r.Valid, err
		}},
		"token": {"tokenValid", func(ctx context.Context, c *powerauth.Client) (bool, error) {
			r, err := c.Tokens.Verify(ctx, powerauth.VerifyTokenParams{AuthHeader: phoneToken})
			return r != nil && r.Valid, err
		}},
		"offline code": {"otpValid", func(ctx context.Context, c *powerauth.Client) (bool, error) {
			r, err := c.Operations.VerifyOfflineOTP(ctx, "o-1", offlineIn)
			return r != nil && r.Valid, err
		}},
		"assertion": {"assertionValid", func(ctx context.Context, c *powerauth.Client) (bool, error) {
			r, err := c.Passkeys.VerifyAssertion(ctx, assertionIn())
			return r != nil && r.Valid, err
		}},
	}
}

func TestAVerdictIsNeverAssumed(t *testing.T) {
	t.Parallel()
	for name, v := range verdicts() {
		for _, body := range []string{
			`{}`, `{"F":null}`, `{"F":"true"}`, `{"F":1}`, `{"F":"yes"}`, `{"F":[true]}`, `{"F":{"F":true}}`, `{"F":true,"F":true}`,
			`{"F":false,"F":true}`, `{"UPPER":true}`, `{"F":true`, `{"F":true}{}`, `true`, `[{"F":true}]`, `null`, ``, `<html>`, `{"f ":true}`, `{"valid":true}`,
			`{"status":"ERROR","responseObject":{"F":true}}`, `{"status":"OK","responseObject":{}}`, `{"status":"OK","responseObject":null,"F":1}`,
			`{"responseObject":{"F":true}}`,
			`{"F":false,"F":null}`,
			`{"F":null,"UPPER":true}`,
			`{"F":false,"status":"OK","responseObject":{"F":true}}`,
			`{"F":true,"more":{"a":1,"a":2}}`, `{"F":true,"userId":"J\xf6rg"}`, "{\"F\":true,\"userId\":\"J\xf6rg\"}", `{"F":true,"userId":"\ud800"}`,
			`{"F":true,"registrationStatus":"BLOCKED","registrationStatus":"ACTIVE"}`, `{"F":true,"userId":"u-1","userId":"u-2"}`,
			`{"F":true,"st\u0061tus":"ERROR"}`, `{"status":"OK","respons\u0065Object":{"F":false},"F":true}`,
			`{"status":"OK","responseObject":{"F":true},"status":"OK"}`, `{"Status":"OK","ResponseObject":{"F":true}}`, `{"FOLDED":true}`,
			`{"status":"OK","responseObject":{"F":false},"ResponseObject":{"F":true}}`,
		} {
			s, client := stubbed(t, 200, strings.NewReplacer("UPPER", strings.ToUpper(v.field), "FOLDED", strings.NewReplacer("V", "v", "s", "ſ", "k", "\u212a").Replace(v.field), "F", v.field).Replace(body))
			valid, err := v.call(t.Context(), client)
			require.ErrorIs(t, err, identkit.ErrBadResponse, "%s: %s", name, body)
			require.ErrorIs(t, err, identkit.ErrOutcomeUnknown, "%s: %s", name, body)
			assert.False(t, valid, "%s: %s", name, body)
			assert.Equal(t, 1, s.count(), "%s: %s", name, body)
		}
		for body, want := range map[string]bool{
			`{"F":true}`: true, `{"F":false}`: false, `{"status":"OK","responseObject":{"F":true}}`: true, "\xef\xbb\xbf" + `{"F":true}`: true,
			"\xef\xbb\xbf" + `{"status":"OK","responseObject":{"F":true}}`: true, `{"UPPER":true,"F":false}`: false,
		} {
			if v.field == "assertionValid" { // a passkey without a user does not authenticate
				body = strings.Replace(body, `"F":true`, `"F":true,"userId":"u","registrationId":"r"`, 1)
			}
			_, client := stubbed(t, 200, strings.NewReplacer("UPPER", strings.ToUpper(v.field), "F", v.field).Replace(body))
			valid, err := v.call(t.Context(), client)
			require.NoError(t, err, "%s: %s", name, body)
			assert.Equal(t, want, valid, "%s: %s", name, body)
		}
	}
}

func TestBadSignatureInputNamesTheFieldAndSendsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*powerauth.VerifySignatureParams)
		field  string
	}{
		"no method":                     {func(in *powerauth.VerifySignatureParams) { in.Method = "" }, "method"},
		"a method that is never signed": {func(in *powerauth.VerifySignatureParams) { in.Method = "PATCH" }, "method"},
		"a method in lower case":        {func(in *powerauth.VerifySignatureParams) { in.Method = "post" }, "method"},
		"no uriId":                      {func(in *powerauth.VerifySignatureParams) { in.URIID = "" }, "uriId"},
		"no header":                     {func(in *powerauth.VerifySignatureParams) { in.AuthHeader = "" }, "authHeader"},
		"an over-long header":           {func(in *powerauth.VerifySignatureParams) { in.AuthHeader = identkit.Secret(strings.Repeat("x", 4097)) }, "authHeader"},
		"a GET with a body":             {func(in *powerauth.VerifySignatureParams) { in.Method = "GET" }, "requestBody"},
		"a POST with a query":           {func(in *powerauth.VerifySignatureParams) { in.QueryParams = map[string]string{"a": "b"} }, "queryParams"},
		"a parameter without a name": {func(in *powerauth.VerifySignatureParams) {
			in.Method, in.Body, in.QueryParams = "GET", nil, map[string]string{"": "b"}
		}, "queryParams"},
	} {
		s, client := stubbed(t, 200, signatureValid)
		in := signedPost
		c.change(&in)
		_, err := client.Signatures.Verify(t.Context(), in)
		t.Log(name)
		invalidField(t, s, err, c.field)
	}
}
