package powerauth

import (
	"testing"

	"github.com/identkit/identkit/powerauth/protocol"
)

// Headers that the parser accepts are never rejected locally; others are left to the provider.
func FuzzLocalRejection(f *testing.F) {
	for _, seed := range []string{
		`PowerAuth pa_activation_id="3b9edfd2-4d82-477c-b4b3-20fa5c99c993", pa_application_key="MTIzNDU2Nzg5MDEyMzQ1Ng==", pa_nonce="kYjzVBB8Y0ZFabxSWbWovY==", pa_signature_type="possession", pa_signature="o/3zixXuZnz+xaYt/CnocyT/LtWfTQuFCa0mjA6ZqIE=", pa_version="3.1"`,
		`PowerAuth pa_activation_id=3b9edfd2-4d82-477c-b4b3-20fa5c99c993 pa_application_key=MTIzNDU2Nzg5MDEyMzQ1Ng== pa_nonce=kYjzVBB8Y0ZFabxSWbWovY== pa_auth_code_type=POSSESSION pa_auth_code=o/3zixXuZnz+xaYt/Cnocw== pa_version=4.0`,
		`PowerAuth token_id="d6561669-34d6-4fee-8913-89477687a5cb", token_digest="VqAXEhziiT27lxoqREjtcQAAAAAAAAAAAAAAAAAAAAA=", nonce="kYjzVBB8Y0ZFabxSWbWovY==", timestamp="1500000000000", version="3.1"`,
		`PowerAuth`, `PowerAuth =`, `PowerAuth pa_version=`, `PowerAuth xpa_version="3.1" pa_version="`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if _, err := protocol.ParseAuthorizationHeader(value); err == nil && malformedAuthorization(value) {
			t.Error("an authorization header that parses is rejected locally")
		}
		if _, err := protocol.ParseTokenHeader(value); err == nil && malformedToken(value) {
			t.Error("a token header that parses is rejected locally")
		}
	})
}
