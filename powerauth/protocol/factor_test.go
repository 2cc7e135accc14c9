package protocol_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/powerauth/protocol"
)

func ExampleParseFactors() {
	factors, err := protocol.ParseFactors("POSSESSION_KNOWLEDGE")
	fmt.Println(factors, factors.Has(protocol.Possession, protocol.Knowledge), factors.Has(protocol.Biometry), err)

	_, err = protocol.ParseFactors("knowledge_biometry")
	fmt.Println(err)
	// Output:
	// possession_knowledge true false <nil>
	// powerauth: unknown combination of factors
}

func TestFactorsCompareWithoutCase(t *testing.T) {
	t.Parallel()
	both := protocol.Factors("POSSESSION_KNOWLEDGE")
	assert.True(t, both.Known())
	assert.True(t, both.Has(protocol.Possession))
	assert.True(t, both.Has(protocol.Knowledge, protocol.Possession))
	assert.False(t, both.Has(protocol.Knowledge, protocol.Biometry))
	assert.False(t, both.Has("Knowledge"), "wanted factors are the constants")
	assert.Equal(t, []protocol.Factor{protocol.Possession, protocol.Knowledge}, both.List())

	parsed, err := protocol.ParseFactors("Possession_BIOMETRY")
	require.NoError(t, err)
	assert.Equal(t, protocol.Factors("possession_biometry"), parsed)
}

func TestUnknownFactorsHoldNothing(t *testing.T) {
	t.Parallel()
	for _, f := range []protocol.Factors{"", "knowledge_biometry", "possession_knowledge_", "possession,knowledge", "voice"} {
		assert.False(t, f.Known(), f)
		assert.False(t, f.Has(protocol.Possession), f)
		assert.False(t, f.Has(protocol.Knowledge), f)
		assert.Nil(t, f.List(), f)
		_, err := protocol.ParseFactors(string(f))
		assert.ErrorIs(t, err, protocol.ErrFactors, f)
	}
	assert.False(t, protocol.Factors("possession").Has(), "an empty policy allows nothing")
}
