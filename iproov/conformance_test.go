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
	p.Known = map[string]string{
		"nil context":                     "keys are asked for before the call begins",
		"client that no constructor made": "resources are pointers",
		"masked API key":                  "keys are sent without a look at them",
		"masked secret":                   "keys are sent without a look at them",
		"members of another letter case":  "fallbacks are read by JSON v1",
	}
	providertest.Run(t, p)
}
