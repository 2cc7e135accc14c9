package entrupy_test

import (
	"testing"

	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/internal/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	p := providertest.Entrupy()
	p.Operations = entrupy.OperationData
	providertest.Run(t, p)
}
