package pacrypto

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// readVectors decodes a file of published vectors, which are outside of the repository.
func readVectors(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "vectors", "powerauth", file))
	if os.IsNotExist(err) {
		t.Skipf("no published vectors: %s", file)
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}

// cases is the shape of the files of wultra/powerauth-crypto.
type cases[In, Out any] struct {
	Data []struct {
		Input  In
		Output Out
	}
}

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	require.NoError(t, err)
	return b
}

func key(t *testing.T, s string) Key {
	t.Helper()
	k, err := ParseKey(unbase64(t, s))
	require.NoError(t, err)
	return k
}
