package service

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheVendorsRequestBodiesGoThroughUnchanged(t *testing.T) {
	h := onFakes(t)
	expires := time.Now().Add(time.Hour).UnixMilli()
	for _, c := range []struct{ name, method, path, operation, body string }{
		{"registration", "POST", "/registrations", "powerauth.Registrations.Create", `{"userId":"u-1","appId":"my-app"}`},
		{"registration with all fields", "POST", "/registrations", "powerauth.Registrations.Create",
			`{"userId":"u-1","appId":"my-app","otp":"123456","commitPhase":"ON_KEY_EXCHANGE","flags":["A"],"timestampRegistrationExpire":` + strconv.FormatInt(expires, 10) + `}`},
		{"registration, older", "POST", "/registrations", "powerauth.Registrations.Create", `{"userId":"u-1","appId":"my-app","otp":"123456","otpValidation":"ON_COMMIT"}`},
		{"commit", "POST", "/registrations/ID/commit", "powerauth.Registrations.Commit", `{"externalUserId":"clerk"}`},
		{"empty commit", "POST", "/registrations/ID/commit", "powerauth.Registrations.Commit", `{}`},
		{"block", "PUT", "/registrations/ID", "powerauth.Registrations.Change", `{"change":"BLOCK"}`},
		{"unblock", "PUT", "/registrations/ID", "powerauth.Registrations.Change", `{"change":"UNBLOCK"}`},
		{"login", "POST", "/operations", "powerauth.Operations.Create", `{"userId":"u-1","template":"login"}`},
		{"payment", "POST", "/operations", "powerauth.Operations.Create",
			`{"userId":"u-1","template":"payment","language":"en","externalId":"x","flag":"A","timestampExpires":` + strconv.FormatInt(expires, 10) + `,
			  "parameters":{"amount":"100.00","currency":"EUR","note":"a & b <c>\nd"},"proximityCheckEnabled":false,"silent":true,"registrationId":"r"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
			h.ServeHTTP(httptest.NewRecorder(), req)
			entry, ok := h.powerAuth.Journal().Last(c.operation)
			require.True(t, ok)
			assert.JSONEq(t, c.body, string(entry.Body))
		})
	}
}
