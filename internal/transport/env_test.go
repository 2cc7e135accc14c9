package transport

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
)

func TestASecretFromAFile(t *testing.T) {
	const name = "IDENTKIT_TEST_SECRET"
	path := filepath.Join(t.TempDir(), "secret")
	t.Setenv(name, "")
	t.Setenv(name+"_FILE", path)
	for content, c := range map[string]struct {
		want   identkit.Secret
		reason string
	}{
		"hunter9":                            {"hunter9", ""},
		"hunter9\n":                          {"hunter9", ""},
		"hunter9\r\n":                        {"hunter9", ""},
		"two words\n":                        {"two words", ""},
		"hunter9\n\n":                        {"", "names a file whose content has white space or a control character at an end"},
		"hunter9\r":                          {"", "names a file whose content has white space or a control character at an end"},
		"hunter9\n\r\n":                      {"", "names a file whose content has white space or a control character at an end"},
		" hunter9\n":                         {"", "names a file whose content has white space or a control character at an end"},
		"hunter9 \n":                         {"", "names a file whose content has white space or a control character at an end"},
		"\ufeffhunter9":                      {"", "names a file whose content has white space or a control character at an end"},
		"a: b\nc: d\n":                       {"", "names a file whose content has a control character"},
		"[secret]\n":                         {"", "names a file whose content is a masked secret: it was stored without Reveal"},
		"\n":                                 {"", "names a file whose content is empty"},
		"":                                   {"", "names a file whose content is empty"},
		strings.Repeat("x", maxSecretFile+1): {"", "names a file of more than 64 KiB"},
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		var env Env
		got, set := env.Secret(name)
		assert.True(t, set, "%q", content)
		if c.reason == "" {
			assert.NoError(t, env.Err("test", "test.ConfigFromEnv"), "%q", content)
			assert.Equal(t, c.want.Reveal(), got.Reveal(), "%q", content)
			continue
		}
		require.Equal(t, []identkit.FieldError{{Field: name + "_FILE", Reason: c.reason}}, env.Faults, "%.20q", content)
	}
}

func TestAFileThatCannotBeReadIsNamedByItsVariableAlone(t *testing.T) {
	const name = "IDENTKIT_TEST_SECRET"
	dir := t.TempDir()
	t.Setenv(name, "")
	for path, reason := range map[string]string{
		filepath.Join(dir, "hunter9"): "names a file that does not exist", dir: "names a file that cannot be read", "hunter9": "names a file that does not exist",
	} {
		t.Setenv(name+"_FILE", path)
		var env Env
		_, set := env.Secret(name)
		assert.True(t, set)
		require.Equal(t, []identkit.FieldError{{Field: name + "_FILE", Reason: reason}}, env.Faults)
		err := env.Err("test", "test.ConfigFromEnv")
		assert.NotContains(t, err.Error(), "hunter9", "a secret put into the wrong variable")
		assert.NotContains(t, err.Error(), dir)
	}
}

func TestVariablesOfTheEnvironment(t *testing.T) {
	const name = "IDENTKIT_TEST_SECRET"
	for value, fault := range map[string]string{
		"": "", "hunter9": "", " ": "is blank", "hunter9\n": "has white space or a control character at an end", " hunter9": "has white space or a control character at an end",
	} {
		t.Setenv(name, value)
		t.Setenv(name+"_FILE", "")
		var env Env
		secret, set := env.Secret(name)
		assert.Equal(t, value != "", set)
		text, set := env.Text(name)
		assert.Equal(t, value != "", set)
		assert.Equal(t, value, text)
		assert.Equal(t, value, secret.Reveal())
		if fault == "" {
			assert.Empty(t, env.Faults, value)
			continue
		}
		want := identkit.FieldError{Field: name, Reason: fault}
		assert.Equal(t, []identkit.FieldError{want, want}, env.Faults)
	}
	t.Setenv(name, "hunter9")
	t.Setenv(name+"_FILE", "/run/secrets/hunter9")
	var env Env
	_, set := env.Secret(name)
	assert.True(t, set)
	assert.Equal(t, []identkit.FieldError{{Field: name + "_FILE", Reason: "contradicts " + name}}, env.Faults)
}
