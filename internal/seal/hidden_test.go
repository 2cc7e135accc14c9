package seal_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit/internal/seal"
)

type holder struct {
	text  seal.Hidden[string]
	bytes seal.Hidden[[]byte]
	pair  seal.Hidden[[2]string]
}

func TestHiddenValuesCannotBePrinted(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	h := holder{seal.Hide(canary), seal.Hide([]byte(canary)), seal.Hide([2]string{canary, canary})}
	assert.Equal(t, canary, h.text.Get())
	assert.Equal(t, []byte(canary), h.bytes.Get())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, value := range []any{h, &h, []holder{h}, map[string]*holder{"h": &h}, h.text, h.bytes} {
			printed := strings.ToLower(fmt.Sprintf(verb, value))
			assert.NotContains(t, printed, canary, verb)
			assert.NotContains(t, printed, fmt.Sprintf("%x", canary), verb)
			assert.NotContains(t, printed, "99 97 110", verb)
		}
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "h", h, "p", &h)
	assert.NotContains(t, log.String(), canary)
}

func TestTheZeroHiddenHoldsNothing(t *testing.T) {
	t.Parallel()
	var h seal.Hidden[string]
	assert.True(t, h.IsZero())
	assert.Empty(t, h.Get())
	assert.False(t, seal.Hide("").IsZero())
}
