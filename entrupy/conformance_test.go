package entrupy_test

import (
	"strings"
	"testing"

	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
	"github.com/identkit/identkit/internal/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	p := providertest.Entrupy()
	p.Operations = entrupy.OperationData
	providertest.Run(t, p)
}

func TestConformanceOfVariants(t *testing.T) {
	t.Parallel()
	p := providertest.Entrupy()
	p.Operations = entrupy.OperationData
	p.Fake = func(c providertest.Canaries) *entrupytest.Server {
		return entrupytest.New(entrupytest.Options{Token: c.Secret("token"), Dialect: entrupytest.Dialect{
			Format14: true, WebhookInItem: true, RequireVersion: true, Scheme: "Bearer", Cursor: entrupytest.CursorInteger, SuccessStatus: 201,
		}})
	}
	for _, call := range p.Calls {
		for i, path := range call.Repeats {
			call.Repeats[i] = strings.ReplaceAll(path, "properties.", "text_fields.") // where 1.4 has the customer's id
		}
	}
	providertest.Run(t, p)
}
