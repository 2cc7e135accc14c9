package entrupy_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
)

const (
	domainID    = "0b0f6c1e-3f0b-4b8e-9a55-6a0f4c9d7e21"
	domainToken = "c7b9a3e2-5d41-4f60-8a7e-2f1d9b3c6e54"
)

func domains(t *testing.T) http.Handler {
	t.Helper()
	h, err := entrupy.NewDomainVerificationHandler(map[string]identkit.Secret{domainID: domainToken, "another": "token-2"})
	require.NoError(t, err)
	return h
}

func TestTheTokenOfADomainIsServedAlone(t *testing.T) {
	t.Parallel()
	root := http.NewServeMux()
	root.Handle(entrupy.DomainVerificationPath, domains(t))
	root.Handle("/", http.RedirectHandler("/app", http.StatusFound))
	pattern := http.NewServeMux()
	pattern.Handle("GET "+entrupy.DomainVerificationPath+"{id}", domains(t))
	stripped := http.StripPrefix("/.well-known/entrupy-domain-verification", domains(t))
	for name, h := range map[string]http.Handler{"alone": domains(t), "before a catch-all": root, "by a pattern": pattern, "stripped": stripped} {
		for method, body := range map[string]string{http.MethodGet: domainToken, http.MethodHead: ""} {
			w := serve(h, httptest.NewRequest(method, entrupy.DomainVerificationPath+domainID, nil))
			assert.Equal(t, 200, w.Code, name)
			assert.Equal(t, body, w.Body.String(), name)
			assert.Equal(t, "text/plain", w.Header().Get("Content-Type"), name)
			assert.Equal(t, "36", w.Header().Get("Content-Length"), name)
			assert.Empty(t, w.Header().Get("Location"), name)
		}
		w := serve(h, httptest.NewRequest(http.MethodGet, entrupy.DomainVerificationPath+"another?x=1", nil))
		assert.Equal(t, "token-2", w.Body.String(), name)
		w = serve(h, httptest.NewRequest(http.MethodGet, entrupy.DomainVerificationPath+"unknown", nil))
		assert.Equal(t, 404, w.Code, name)
		assert.Empty(t, w.Header().Get("Location"), name)
	}
	for _, path := range []string{"", domainID + "/", domainID + "x", domainToken, "ANOTHER", "%2f" + "x"} {
		w := serve(root, httptest.NewRequest(http.MethodGet, entrupy.DomainVerificationPath+path, nil))
		assert.Equal(t, 404, w.Code, path)
		assert.Empty(t, w.Body.String(), path)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		w := serve(root, httptest.NewRequest(method, entrupy.DomainVerificationPath+domainID, nil))
		assert.Equal(t, 405, w.Code, method)
		assert.Equal(t, "GET, HEAD", w.Header().Get("Allow"), method)
		assert.Empty(t, w.Body.String(), method)
	}
	server := httptest.NewServer(root)
	defer server.Close()
	response, err := server.Client().Head(server.URL + entrupy.DomainVerificationPath + domainID)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.EqualValues(t, 36, response.ContentLength)
}

func TestADomainIsVerified(t *testing.T) {
	t.Parallel()
	assert.Equal(t, entrupytest.DomainVerificationPath, entrupy.DomainVerificationPath)
	srv := entrupytest.New(entrupytest.Options{})
	id, token := srv.StartDomainVerification("shop.example")
	require.Error(t, srv.VerifyDomain("shop.example", domains(t)))
	tokens := map[string]identkit.Secret{id: token}
	h, err := entrupy.NewDomainVerificationHandler(tokens)
	require.NoError(t, err)
	clear(tokens) // its own copy
	require.NoError(t, srv.VerifyDomain("shop.example", h))
	_, err = unlimited(srv).Webhooks.Create(t.Context(), entrupy.CreateWebhookParams{APIVersion: "2.0", URL: "https://shop.example/hooks", SecretKey: hookSecret})
	require.NoError(t, err)
}

func TestDomainVerificationHandlerReportsFaults(t *testing.T) {
	t.Parallel()
	for name, tokens := range map[string]map[string]identkit.Secret{
		"none": {}, "an empty id": {"": "t"}, "an id with a slash": {"a/b": "t"}, "an id with a blank": {"a b": "t"}, "a path": {entrupy.DomainVerificationPath + domainID: domainToken},
		"no token": {"a": ""}, "a token with a line end": {"a": domainToken + "\n"}, "a mask": {"a": identkit.Secret(identkit.Secret("x").String())},
	} {
		_, err := entrupy.NewDomainVerificationHandler(tokens)
		e := fails(t, err, identkit.ErrInvalidRequest)
		assert.Equal(t, "entrupy.NewDomainVerificationHandler", e.Operation, name)
		assert.NotContains(t, err.Error(), domainToken, name)
	}
}
