package powerauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

var pinPolicy = powerauth.RequireFactors(protocol.Possession, protocol.Knowledge)

// endpoint counts what reaches it, and echoes the body.
type endpoint struct {
	reached  int
	body     string
	length   int64
	identity powerauth.Identity
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.reached++
	b, _ := io.ReadAll(r.Body)
	e.body, e.length = string(b), r.ContentLength
	e.identity, _ = powerauth.IdentityFrom(r.Context())
	w.WriteHeader(http.StatusNoContent)
}

func protect(t testing.TB, client *powerauth.Client, cfg powerauth.ProtectConfig) func(http.Handler) http.Handler {
	t.Helper()
	if cfg.URIID == "" {
		cfg.URIID = "/payment"
	}
	cfg.Require = pinPolicy
	mw, err := powerauth.Protect(client, cfg)
	require.NoError(t, err)
	return mw
}

func signedRequest(method, target, body string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	r.Header.Set(protocol.AuthorizationHeaderName, signedHeader)
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestProtectPassesAValidRequestUnchanged(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, signatureValid)
	var next endpoint
	w := serve(protect(t, client, powerauth.ProtectConfig{})(&next), signedRequest("POST", "/payments", "{ \"a\": 1}\n"))
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Equal(t, "{ \"a\": 1}\n", next.body)
	assert.Equal(t, int64(10), next.length)
	assert.Equal(t, powerauth.Identity{
		Authentication: powerauth.BySignature, UserID: "u-1", RegistrationID: "3b9edfd2-4d82-477c-b4b3-20fa5c99c993", Factors: "possession_knowledge", URIID: "/payment",
	}, next.identity)
	assert.True(t, next.identity.Has(protocol.Knowledge))
	assert.False(t, next.identity.Has(protocol.Biometry))
	sent := decoded[struct {
		Method, URIID, AuthHeader string
		RequestBody               []byte
	}](t, string(s.last(t).body))
	assert.Equal(t, "POST", sent.Method)
	assert.Equal(t, "/payment", sent.URIID, "the constant, not the path")
	assert.Equal(t, signedHeader, sent.AuthHeader, "passed on unchanged")
	assert.Equal(t, "{ \"a\": 1}\n", string(sent.RequestBody))
	assert.Equal(t, 1, s.count())
	_, ok := powerauth.IdentityFrom(t.Context())
	assert.False(t, ok, "without protection there is no identity")
}

func TestProtectFollowsThePACResponse(t *testing.T) {
	t.Parallel()
	valid := func(from, to string) string { return strings.Replace(signatureValid, from, to, 1) }
	refusal := func(code string) string {
		return `{"status":"ERROR","responseObject":{"code":"` + code + `","message":"m"}}`
	}
	for name, c := range map[string]struct {
		status int
		body   string
		want   int
		reason powerauth.ProtectReason
	}{
		"valid":                           {200, signatureValid, 204, ""},
		"invalid":                         {200, valid("true", "false"), 401, powerauth.ReasonInvalid},
		"invalid and nothing else":        {200, `{"signatureValid":false}`, 401, powerauth.ReasonInvalid},
		"possession alone":                {200, valid("POSSESSION_KNOWLEDGE", "POSSESSION"), 401, powerauth.ReasonFactors},
		"biometry":                        {200, valid("POSSESSION_KNOWLEDGE", "POSSESSION_BIOMETRY"), 401, powerauth.ReasonFactors},
		"unknown factors":                 {200, valid("POSSESSION_KNOWLEDGE", "POSSESSION_KNOWLEDGE_X"), 401, powerauth.ReasonFactors},
		"no factors":                      {200, valid("signatureType", "x"), 401, powerauth.ReasonFactors},
		"a blocked device":                {200, valid("ACTIVE", "BLOCKED"), 401, powerauth.ReasonNotActive},
		"a removed device":                {200, valid("ACTIVE", "REMOVED"), 401, powerauth.ReasonNotActive},
		"an unknown status":               {200, valid("ACTIVE", "active"), 401, powerauth.ReasonNotActive},
		"valid without a status":          {200, valid("registrationStatus", "x"), 503, powerauth.ReasonUnavailable},
		"valid without a user":            {200, valid("userId", "x"), 503, powerauth.ReasonUnavailable},
		"valid without a registration":    {200, valid("registrationId", "x"), 503, powerauth.ReasonUnavailable},
		"no verdict":                      {200, `{}`, 503, powerauth.ReasonUnavailable},
		"a verdict that is a text":        {200, `{"signatureValid":"true"}`, 503, powerauth.ReasonUnavailable},
		"HTML":                            {200, `<html>`, 503, powerauth.ReasonUnavailable},
		"the header refused":              {400, refusal(powerauth.CodeSignatureInvalid), 401, powerauth.ReasonRefused},
		"validation refused":              {400, refusal(powerauth.CodeRequest), 401, powerauth.ReasonRefused},
		"the registration unknown":        {400, refusal(powerauth.CodeRegistrationNotFound), 401, powerauth.ReasonRefused},
		"a body that PAC cannot read":     {400, refusal(powerauth.CodeHTTPRequest), 503, powerauth.ReasonUnavailable},
		"a proxy's 400":                   {400, `<html>`, 503, powerauth.ReasonUnavailable},
		"our credentials refused":         {401, refusal(powerauth.CodeUnauthorized), 503, powerauth.ReasonUnavailable},
		"our user not allowed":            {403, ``, 503, powerauth.ReasonUnavailable},
		"a wrong base URL":                {404, refusal(powerauth.CodeNotFound), 503, powerauth.ReasonUnavailable},
		"a redirect":                      {302, ``, 503, powerauth.ReasonUnavailable},
		"too many requests":               {429, ``, 503, powerauth.ReasonUnavailable},
		"an error inside":                 {500, refusal(powerauth.CodeInternalAPI), 503, powerauth.ReasonUnavailable},
		"a 500 that looks like a refusal": {500, refusal(powerauth.CodeSignatureInvalid), 503, powerauth.ReasonUnavailable},
		"a refusal inside a success":      {200, `{"status":"ERROR","responseObject":{"code":"ERROR_SIGNATURE_INVALID","signatureValid":true}}`, 503, powerauth.ReasonUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := stubbed(t, c.status, c.body)
			var next endpoint
			var seen []identkit.DecisionInfo
			h := protect(t, client, powerauth.ProtectConfig{Observer: identkit.Observer{Decision: func(_ context.Context, d identkit.DecisionInfo) { seen = append(seen, d) }}})(&next)
			w := serve(h, signedRequest("POST", "/", `{}`))
			assert.Equal(t, c.want, w.Code)
			assert.Empty(t, w.Body.String())
			assert.Equal(t, c.want == 204, next.reached == 1)
			if c.status != 429 { // a 429 is retried: PAC did not act
				assert.Equal(t, 1, s.count())
			}
			require.Len(t, seen, 1)
			assert.Equal(t, string(c.reason), seen[0].Reason)
			if c.reason != "" {
				assert.Equal(t, c.want, seen[0].Status)
			}
			assert.Equal(t, c.want == 401, w.Header().Get("WWW-Authenticate") == "PowerAuth")
		})
	}
	s, client := stubbed(t, 200, signatureValid)
	s.fail = errors.New("connection lost")
	assert.Equal(t, 503, serve(protect(t, client, powerauth.ProtectConfig{})(&endpoint{}), signedRequest("POST", "/", `{}`)).Code)
}

func TestProtectRejectsMalformedRequestsLocally(t *testing.T) {
	t.Parallel()
	without := func(field string) string { return strings.Replace(signedHeader, field+"=", field+"x=", 1) }
	for name, c := range map[string]struct {
		change func(*http.Request)
		reason powerauth.ProtectReason
		want   int
	}{
		"no header":    {func(r *http.Request) { r.Header.Del(protocol.AuthorizationHeaderName) }, powerauth.ReasonHeaderMissing, 401},
		"an empty one": {func(r *http.Request) { r.Header.Set(protocol.AuthorizationHeaderName, "") }, powerauth.ReasonHeaderMissing, 401},
		"two lines":    {func(r *http.Request) { r.Header.Add(protocol.AuthorizationHeaderName, signedHeader) }, powerauth.ReasonHeaderRepeated, 401},
		"no prefix": {func(r *http.Request) {
			r.Header.Set(protocol.AuthorizationHeaderName, signedHeader[len("PowerAuth "):])
		}, powerauth.ReasonHeaderMalformed, 401},
		"another scheme": {func(r *http.Request) { r.Header.Set(protocol.AuthorizationHeaderName, "Basic dTpw") }, powerauth.ReasonHeaderMalformed, 401},
		"too long": {func(r *http.Request) {
			r.Header.Set(protocol.AuthorizationHeaderName, signedHeader+strings.Repeat(" ", 4096)+"x")
		}, powerauth.ReasonHeaderMalformed, 401},
		"no activation id":     {func(r *http.Request) { r.Header.Set(protocol.AuthorizationHeaderName, without("pa_activation_id")) }, powerauth.ReasonHeaderMalformed, 401},
		"no application key":   {func(r *http.Request) { r.Header.Set(protocol.AuthorizationHeaderName, without("pa_application_key")) }, powerauth.ReasonHeaderMalformed, 401},
		"no nonce":             {func(r *http.Request) { r.Header.Set(protocol.AuthorizationHeaderName, without("pa_nonce")) }, powerauth.ReasonHeaderMalformed, 401},
		"no type":              {func(r *http.Request) { r.Header.Set(protocol.AuthorizationHeaderName, without("pa_signature_type")) }, powerauth.ReasonHeaderMalformed, 401},
		"no code":              {func(r *http.Request) { r.Header.Set(protocol.AuthorizationHeaderName, without("pa_signature")) }, powerauth.ReasonHeaderMalformed, 401},
		"no version":           {func(r *http.Request) { r.Header.Set(protocol.AuthorizationHeaderName, without("pa_version")) }, powerauth.ReasonHeaderMalformed, 401},
		"PATCH":                {func(r *http.Request) { r.Method = http.MethodPatch }, powerauth.ReasonNotSigned, 401},
		"HEAD":                 {func(r *http.Request) { r.Method = http.MethodHead }, powerauth.ReasonNotSigned, 401},
		"a query on a POST":    {func(r *http.Request) { r.URL.RawQuery = "amount=1" }, powerauth.ReasonNotSigned, 401},
		"a body on a GET":      {func(r *http.Request) { r.Method = http.MethodGet }, powerauth.ReasonNotSigned, 401},
		"a parameter repeated": {asGet("a=1&b=2&a=1"), powerauth.ReasonNotSigned, 401},
		"repeated in escapes":  {asGet("a=1&%61=2"), powerauth.ReasonNotSigned, 401},
		"one without =":        {asGet("a=1&admin"), powerauth.ReasonNotSigned, 401},
		"one without a name":   {asGet("=1"), powerauth.ReasonNotSigned, 401},
		"a bad escape":         {asGet("a=%zz"), powerauth.ReasonNotSigned, 401},
		"a semicolon":          {asGet("a=1;b=2"), powerauth.ReasonNotSigned, 401},
		"a body over the cap": {func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 17))), 17
		}, powerauth.ReasonBodyTooLarge, 413},
		"the same in chunks": {func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 17))), -1
		}, powerauth.ReasonBodyTooLarge, 413},
		"a wrong Content-Length": {func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 17))), 2
		}, powerauth.ReasonBodyTooLarge, 413},
		"a body cut off": {func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)) }, powerauth.ReasonBodyUnreadable, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, client := stubbed(t, 200, signatureValid)
			var next endpoint
			var seen identkit.DecisionInfo
			r := signedRequest("POST", "/", `{}`)
			c.change(r)
			w := serve(protect(t, client, powerauth.ProtectConfig{MaxBodyBytes: 16, Observer: identkit.Observer{Decision: func(_ context.Context, d identkit.DecisionInfo) { seen = d }}})(&next), r)
			assert.Equal(t, c.want, w.Code)
			assert.Empty(t, w.Body.String())
			assert.Equal(t, string(c.reason), seen.Reason)
			assert.Zero(t, next.reached)
			assert.Zero(t, s.count(), "PAC is not called")
		})
	}
}

func asGet(query string) func(*http.Request) {
	return func(r *http.Request) {
		r.Method, r.Body, r.ContentLength, r.URL.RawQuery = http.MethodGet, http.NoBody, 0, query
	}
}

func TestProtectForwardsUnknownForms(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{
		"a future version":          strings.Replace(signedHeader, `"3.1"`, `"5.0"`, 1),
		"protocol 4":                strings.NewReplacer("pa_signature_type", "pa_auth_code_type", "pa_signature", "pa_auth_code", "3.1", "4.0").Replace(signedHeader),
		"unknown lengths":           strings.Replace(signedHeader, "kYjzVBB8Y0ZFabxSWbWovY==", "AAAA", 1),
		"a future combination":      strings.Replace(signedHeader, "possession_knowledge", "possession_telepathy", 1),
		"neither quotes nor commas": strings.NewReplacer(`"`, "", ",", "").Replace(signedHeader),
		"a new field":               signedHeader + `, pa_new="x"`,
		"the longest header":        signedHeader + ", x=" + strings.Repeat("y", 4096-len(signedHeader)-len(", x=")),
	} {
		s, client := stubbed(t, 200, signatureValid)
		var next endpoint
		r := signedRequest("POST", "/", `{}`)
		r.Header.Set(protocol.AuthorizationHeaderName, header)
		assert.Equal(t, 204, serve(protect(t, client, powerauth.ProtectConfig{})(&next), r).Code, name)
		assert.Equal(t, header, decoded[struct{ AuthHeader string }](t, string(s.last(t).body)).AuthHeader, name)
	}
}

func TestProtectSendsTheQueryOfAGet(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":               `{}`,
		"a=1&b=x+y%26&c": "",
		"a=1&b=x+y%26":   `{"a":"1","b":"x y&"}`,
		"&a=&":           `{"a":""}`,
	} {
		s, client := stubbed(t, 200, signatureValid)
		r := signedRequest("GET", "/", "")
		r.URL.RawQuery = query
		w := serve(protect(t, client, powerauth.ProtectConfig{})(&endpoint{}), r)
		if want == "" {
			assert.Equal(t, 401, w.Code, query)
			continue
		}
		assert.Equal(t, 204, w.Code, query)
		assert.JSONEq(t, want, string(decoded[map[string]jsonText](t, string(s.last(t).body))["queryParams"]), query)
		assert.Equal(t, "null", string(decoded[map[string]jsonText](t, string(s.last(t).body))["requestBody"]))
	}
}

type jsonText []byte

func (j *jsonText) UnmarshalJSON(b []byte) error { *j = append(jsonText(nil), b...); return nil }

func TestProtectAllowsAnUnsignedQueryOnlyIfConfigured(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, signatureValid)
	w := serve(protect(t, client, powerauth.ProtectConfig{AllowQuery: true})(&endpoint{}), signedRequest("POST", "/?lang=en&lang=cs", `{}`))
	assert.Equal(t, 204, w.Code)
	assert.Contains(t, string(s.last(t).body), `"queryParams":null`)
}

func TestNestedProtectionsShareTheVerification(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		inner   powerauth.ProtectConfig
		between func(*http.Request)
		want    int
	}{
		"the same twice":         {powerauth.ProtectConfig{}, func(*http.Request) {}, 204},
		"another uriId":          {powerauth.ProtectConfig{URIID: "/other"}, func(*http.Request) {}, 401},
		"the body was changed":   {powerauth.ProtectConfig{}, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }, 401},
		"the body was read":      {powerauth.ProtectConfig{}, func(r *http.Request) { _, _ = io.ReadAll(r.Body) }, 401},
		"the method was changed": {powerauth.ProtectConfig{}, func(r *http.Request) { r.Method = http.MethodPut }, 401},
		"the query was added":    {powerauth.ProtectConfig{AllowQuery: true}, func(r *http.Request) { r.URL.RawQuery = "a=1" }, 401},
		"only the path is cut":   {powerauth.ProtectConfig{}, func(r *http.Request) { r.URL.Path = "/x" }, 204},
	} {
		s, client := stubbed(t, 200, signatureValid)
		var next endpoint
		inner := protect(t, client, c.inner)(&next)
		parent := protect(t, client, powerauth.ProtectConfig{})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.between(r)
			inner.ServeHTTP(w, r)
		}))
		assert.Equal(t, c.want, serve(parent, signedRequest("POST", "/", `{}`)).Code, name)
		assert.Equal(t, 1, s.count(), name)
		if c.want == 204 {
			assert.Equal(t, `{}`, next.body, name)
		}
	}
}

func TestVerificationIsNotSharedBetweenDeployments(t *testing.T) {
	t.Parallel()
	_, mine := stubbed(t, 200, signatureValid)
	s, other := stubbed(t, 200, signatureValid)
	var next endpoint
	h := protect(t, mine, powerauth.ProtectConfig{})(protect(t, other, powerauth.ProtectConfig{})(&next))
	assert.Equal(t, 401, serve(h, signedRequest("POST", "/", `{}`)).Code)
	assert.Zero(t, next.reached)
	assert.Zero(t, s.count())
}

func TestNestedPoliciesAreIndependent(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, strings.Replace(signatureValid, "POSSESSION_KNOWLEDGE", "POSSESSION", 1))
	weak, err := powerauth.Protect(client, powerauth.ProtectConfig{URIID: "/payment", Require: powerauth.RequireFactors(protocol.Possession)})
	require.NoError(t, err)
	var next endpoint
	assert.Equal(t, 401, serve(weak(protect(t, client, powerauth.ProtectConfig{})(&next)), signedRequest("POST", "/", `{}`)).Code)
	assert.Zero(t, next.reached)
	assert.Equal(t, 1, s.count())
}

func TestAHandlerCannotVerifyTheHeaderAgain(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, signatureValid)
	h := protect(t, client, powerauth.ProtectConfig{})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := client.Signatures.Verify(r.Context(), signedPost)
		assert.ErrorIs(t, err, identkit.ErrInvalidRequest)
		same := signedPost
		same.AuthHeader = identkit.Secret(strings.ReplaceAll(" "+signedPost.AuthHeader.Reveal()+" ", ", ", " ,"))
		_, err = client.Signatures.Verify(r.Context(), same)
		assert.ErrorIs(t, err, identkit.ErrInvalidRequest, "written otherwise, it is the same code")
		header, err := protocol.ParseAuthorizationHeader(signedPost.AuthHeader.Reveal())
		assert.NoError(t, err)
		header.Nonce = "AAAAAAAAAAAAAAAAAAAAAA=="
		other := signedPost
		other.AuthHeader = identkit.Secret(powerauthtest.FormatAuthorizationHeader(header))
		_, err = client.Signatures.Verify(r.Context(), other)
		assert.NoError(t, err, "another code is another matter")
	}))
	serve(h, signedRequest("POST", "/", `{}`))
	assert.Equal(t, 2, s.count())
}

func TestProtectReportsEveryConfigurationFault(t *testing.T) {
	t.Parallel()
	_, client := stubbed(t, 200, signatureValid)
	for name, c := range map[string]struct {
		client *powerauth.Client
		cfg    powerauth.ProtectConfig
		field  string
	}{
		"no client":         {nil, powerauth.ProtectConfig{URIID: "/x", Require: pinPolicy}, "client"},
		"not made by New":   {new(powerauth.Client), powerauth.ProtectConfig{URIID: "/x", Require: pinPolicy}, "client was not made by New"},
		"no uriId":          {client, powerauth.ProtectConfig{Require: pinPolicy}, "URIID"},
		"no policy":         {client, powerauth.ProtectConfig{URIID: "/x"}, "Require"},
		"an empty policy":   {client, powerauth.ProtectConfig{URIID: "/x", Require: powerauth.RequireFactors()}, "Require"},
		"an unknown factor": {client, powerauth.ProtectConfig{URIID: "/x", Require: powerauth.RequireFactors("voice")}, "Require"},
		"a negative cap":    {client, powerauth.ProtectConfig{URIID: "/x", Require: pinPolicy, MaxBodyBytes: -1}, "MaxBodyBytes"},
	} {
		_, err := powerauth.Protect(c.client, c.cfg)
		require.ErrorIs(t, err, identkit.ErrInvalidRequest, name)
		require.ErrorContains(t, err, c.field, name)
	}
	for _, none := range []*powerauth.Client{nil, new(powerauth.Client)} {
		_, err := powerauth.ProtectToken(none, powerauth.ProtectTokenConfig{})
		require.ErrorIs(t, err, identkit.ErrInvalidRequest)
	}
}

// A ceiling, so that the middleware does not grow unnoticed. Not parallel: allocations are counted process-wide.
func TestProtectAllocationCeiling(t *testing.T) {
	_, client := stubbed(t, 200, signatureValid)
	body := strings.Repeat("x", 1000)
	in := signedPost
	in.Body = []byte(body)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	guarded := protect(t, client, powerauth.ProtectConfig{})(bare)
	count := func(h http.Handler) float64 {
		return testing.AllocsPerRun(300, func() {
			if w := serve(h, signedRequest("POST", "/payments", body)); w.Code != http.StatusNoContent {
				t.Error(w.Code)
			}
		})
	}
	verify := testing.AllocsPerRun(300, func() {
		if _, err := client.Signatures.Verify(context.Background(), in); err != nil {
			t.Error(err)
		}
	})
	handler, protected := count(bare), count(guarded)
	t.Logf("bare handler %v, Verify %v, protected %v", handler, verify, protected)
	assert.LessOrEqual(t, protected, handler+verify+25)
}

func TestDecisionsReachTheClientsObserver(t *testing.T) {
	t.Parallel()
	var seen []identkit.DecisionInfo
	srv := powerauthtest.New(powerauthtest.Options{})
	client := srv.Client(func(cfg *powerauth.Config) {
		cfg.Options.Observer.Decision = func(_ context.Context, d identkit.DecisionInfo) { seen = append(seen, d) }
	})
	read, err := powerauth.ProtectToken(client, powerauth.ProtectTokenConfig{})
	require.NoError(t, err)
	for _, h := range []http.Handler{protect(t, client, powerauth.ProtectConfig{})(&endpoint{}), read(&endpoint{})} {
		assert.Equal(t, 401, serve(h, httptest.NewRequest(http.MethodGet, "/", nil)).Code)
	}
	require.Len(t, seen, 2)
	assert.Equal(t, []string{"powerauth.Protect", "powerauth.ProtectToken"}, []string{seen[0].Operation, seen[1].Operation})
	for _, d := range seen {
		assert.Equal(t, string(powerauth.ReasonHeaderMissing), d.Reason)
		assert.Equal(t, 401, d.Status)
		assert.False(t, d.Start.IsZero())
	}
	assert.NotEmpty(t, seen[0].Resource, "the uriId")
}
