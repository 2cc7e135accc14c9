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
	providertest.Run(t, p)
}
