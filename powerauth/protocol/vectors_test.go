package protocol_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/powerauth/protocol"
)

// The vendor's published activation code with its key and signature.
const (
	signedKey       = "BBIopY8zZ4nV02QHS4nGMXsqZUP94jrvR59MvLXtAINmG4VqqcBWo2DnIAevHAt5/TElIAP0TZP6kVcNt824EfQ="
	signedCode      = "GYA4L-D4C7K-OP2NV-USYYQ"
	signedSignature = "MEYCIQCihC0iR9m/y0Kq+GcK75DFQVIInekVIWjqw3+QJtilYQIhALHZGVGij7ADgt3xOLZiTBxueIikC8zi8jQaMrDzDkCN"
)

// readVectors decodes a file of published vectors, which live beside the checkout and not in it.
func readVectors(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "vectors", "powerauth", file))
	if os.IsNotExist(err) {
		t.Skipf("published vectors are not beside this checkout: %s", file)
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}

func publicKey(t *testing.T, s string) protocol.PublicKey {
	t.Helper()
	key, err := protocol.ParsePublicKey(s)
	require.NoError(t, err)
	return key
}

// assertSilent checks that no print of an error or value repeats a text that must not show.
func assertSilent(t *testing.T, v any, hidden ...string) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, h := range hidden {
			assert.NotContains(t, fmt.Sprintf(verb, v), h, verb)
		}
	}
}
