package input_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/input"
)

type limits []identkit.Limiter

func TestAnInterfaceThatHoldsNothingIsNil(t *testing.T) {
	t.Parallel()
	var (
		reader io.Reader
		buffer *bytes.Buffer
		source identkit.SecretSource
	)
	for _, v := range []any{nil, reader, buffer, source, io.Reader(buffer)} {
		assert.True(t, input.IsNil(v), "%T", v)
	}
	for _, v := range []any{0, "", limits(nil), new(bytes.Buffer), identkit.Static(""), struct{}{}} {
		assert.False(t, input.IsNil(v), "%T works as it is", v)
	}
}

func TestTextsThatCannotBeSecretsOrNames(t *testing.T) {
	t.Parallel()
	const edge = "has white space or a control character at an end"
	for text, want := range map[string]string{
		"hunter9": "", "two words": "", "žluťoučký": "", "[secret]": input.Masked,
		"": "is empty", " ": "is blank", "\r\n": "is blank", "\ufeff": "is blank",
		"hunter9\n": edge, "hunter9\r\n": edge, " hunter9": edge, "hunter9\t": edge, "\u00a0hunter9": edge, "hunter9\x00": edge,
		"\ufeffhunter9": edge, "hunter9\u200b": edge, "hun\nter9": "has a control character",
	} {
		assert.Equal(t, want, input.SecretFault(identkit.Secret(text)), "%q", text)
	}
}
