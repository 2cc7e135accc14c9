package powerauthtest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCBORComesBack(t *testing.T) {
	t.Parallel()
	long := make([]byte, 70_000)
	in := []pair{{1, -7}, {-300, "text"}, {"fmt", []byte{1, 2}}, {"long", long}, {"mid", make([]byte, 300)}, {"map", []pair{{"n", 100}}}}
	r := cborReader{rest: encodeCBOR(nil, in)}
	v, err := r.value()
	require.NoError(t, err)
	assert.Empty(t, r.rest)
	assert.Equal(t, map[any]any{
		1: -7, -300: "text", "fmt": []byte{1, 2}, "long": long, "mid": make([]byte, 300), "map": map[any]any{"n": 100},
	}, v)
}

func FuzzAttestation(f *testing.F) {
	credential, err := NewAuthenticator("https://a.test", "a.test").Register("challenge")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(credential.Response.AttestationObject))
	f.Add([]byte{0x9a, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		data, err := parseAttestation(b)
		if err == nil && data.key != nil && len(data.credential) == 0 {
			t.Fatal("a key without an id")
		}
	})
}
