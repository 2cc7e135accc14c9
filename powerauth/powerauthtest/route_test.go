package powerauthtest

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/powerauth"
)

func TestEveryOperationHasAHandlerAndEveryHandlerAnOperation(t *testing.T) {
	t.Parallel()
	srv := New(Options{})
	t.Cleanup(srv.Close)
	known := make(map[string]identkit.OperationInfo)
	for _, op := range powerauth.Catalog() {
		known[op.Name] = op
	}
	for name := range srv.handlers() {
		assert.Contains(t, known, name, "a handler without an operation")
	}
	for _, op := range srv.Operations() {
		assert.Equal(t, known[op.Name], op)
		delete(known, op.Name)
	}
	assert.Empty(t, known, "operations that the fake does not simulate")
}
