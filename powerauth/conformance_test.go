package powerauth_test

import (
	"testing"

	"github.com/identkit/identkit/internal/providertest"
	"github.com/identkit/identkit/powerauth"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	p := providertest.PowerAuth()
	p.Operations = powerauth.OperationData
	p.Known = map[string]string{
		"client that no constructor made": "resources are pointers",
		"envelope":                        "unwrap reads no byte order mark",
		"envelope with duplicate members": "unwrap takes the last of them",
		"powerauth.Registrations.List: members of another letter case": "elements of lists are read by JSON v1",
		"powerauth.Registrations.List: letter case of names":           "elements of lists are read by JSON v1",
		"powerauth.Passkeys.List: members of another letter case":      "elements of lists are read by JSON v1",
		"powerauth.Passkeys.List: letter case of names":                "elements of lists are read by JSON v1",
		"powerauth.Audit.Log: members of another letter case":          "elements of lists are read by JSON v1",
		"powerauth.Audit.Log: letter case of names":                    "elements of lists are read by JSON v1",
	}
	providertest.Run(t, p)
}
