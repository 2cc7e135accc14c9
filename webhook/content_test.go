package webhook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestContentTemplates(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"":                        "BODY",
		"{body}":                  "BODY",
		"{timestamp}.{body}":      "TIME.BODY",
		"{timestamp}{body}":       "TIMEBODY",
		"v0:{timestamp}:{body}":   "v0:TIME:BODY",
		"{id}.{timestamp}.{body}": "ID.TIME.BODY",
		"<{body}>|{id}|":          "<BODY>|ID|",
		"a}b{body}":               "a}bBODY",
	} {
		c, fault := parseContent(template)
		require.Empty(t, fault, template)
		assert.Equal(t, want, string(c.appendTo(nil, "ID", "TIME", []byte("BODY"))), template)
	}
}

func TestContentTemplatesThatSignTooLittleAreRefused(t *testing.T) {
	t.Parallel()
	for _, template := range []string{
		"{timestamp}", "{id}", "text", "{body}{body}", "{Body}", "{body", "{}", "{body}{nonce}",
		"{id}{body}", "{id}{timestamp}.{body}", "{body}{id}",
	} {
		_, fault := parseContent(template)
		assert.NotEmpty(t, fault, template)
	}
}

func TestIDsCannotHoldWhatSetsThemApart(t *testing.T) {
	t.Parallel()
	c, _ := parseContent("{id}.{timestamp}.{body}")
	assert.True(t, c.allowsID("msg_p5jXN8AQM9LWM0D4loKWxJek"))
	for _, id := range []string{"", "a.b", ".", "a b", "a\nb", "ä", strings.Repeat("a", 256)} {
		assert.False(t, c.allowsID(id), "%q", id)
	}
}
