package iproov_test

import (
	"testing"

	"github.com/identkit/identkit/internal/providertest"
	"github.com/identkit/identkit/iproov"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	p := providertest.IProov()
	p.Operations = iproov.OperationData
	providertest.Run(t, p)
}
