package powerauth_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/protocol"
)

// Inputs and results of calls are looked at by the conformance tests; these come another way.
func TestValuesOfCallbacksPrintMasks(t *testing.T) {
	t.Parallel()
	leaks := identkittest.NewLeakCheck(t)
	secret := leaks.Secret("secret")
	leaks.Value(powerauth.RegistrationCallback{Registration: &powerauth.Registration{ActivationCode: secret, ActivationQRCodeData: secret}})
	leaks.Value(powerauth.OperationCallback{Operation: &powerauth.Operation{ProximityOTP: secret}})
}

func TestProtectLeaksNothing(t *testing.T) {
	t.Parallel()
	leaks := identkittest.NewLeakCheck(t)
	body, code := leaks.Personal("body"), leaks.Secret("code").Reveal()
	for _, status := range []int{200, 400, 500} {
		_, client := stubbed(t, status, `{"status":"ERROR","responseObject":{"code":"ERROR_REQUEST","message":"`+body+code+`"}}`)
		h := protect(t, client, powerauth.ProtectConfig{Observer: identkit.Observer{Decision: func(_ context.Context, d identkit.DecisionInfo) {
			leaks.Error(d.Err)
			leaks.Value(d)
		}}})(&endpoint{})
		r := signedRequest("POST", "/", body)
		r.Header.Set(protocol.AuthorizationHeaderName, signedHeader+`, x="`+code+`"`)
		w := serve(h, r)
		assert.NotEqual(t, http.StatusNoContent, w.Code)
		leaks.Value(w.Header())
		leaks.Value(w.Body.String())
	}
	leaks.Check()
}
