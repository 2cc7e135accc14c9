package transport

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/input"
)

// Env reads a configuration from the environment. Its faults name variables and never show what they hold. A variable that is empty
// counts as not set.
type Env struct{ Check }

// Text returns a variable, and whether it is set. One that is blank, or has white space or a control character at an end, is refused.
func (e *Env) Text(name string) (value string, set bool) {
	value = os.Getenv(name)
	if value != "" {
		fault := input.TextFault(value)
		e.That(fault == "", name, fault)
	}
	return value, value != ""
}

// Secret returns a variable, or the content of the file that the variable <name>_FILE names, as Docker, Kubernetes and systemd hand
// secrets over. One line end after the content is taken off; what else cannot be a secret is refused, and so are both at once.
func (e *Env) Secret(name string) (s identkit.Secret, set bool) {
	s, file := identkit.Secret(os.Getenv(name)), os.Getenv(name+"_FILE")
	switch {
	case s != "" && file != "":
		e.Refuse(name+"_FILE", "contradicts "+name)
	case file != "":
		s = e.file(name+"_FILE", file)
	case s != "":
		e.Check.Secret(name, s)
	}
	return s, s != "" || file != ""
}

// Missing refuses a secret that neither of its variables gives.
func (e *Env) Missing(name string) { e.Refuse(name, "is not set, and neither is "+name+"_FILE") }

const maxSecretFile = 64 << 10

// file reads a secret. The path stays out of the fault: it may be the secret itself, put into the wrong variable.
func (e *Env) file(name, path string) identkit.Secret {
	content, err := readSecret(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Refuse(name, "names a file that does not exist")
	case errors.Is(err, fs.ErrPermission):
		e.Refuse(name, "names a file that may not be read")
	case err != nil:
		e.Refuse(name, "names a file that cannot be read")
	case len(content) > maxSecretFile:
		e.Refuse(name, "names a file of more than 64 KiB")
	default:
		line, _ := strings.CutSuffix(string(content), "\n")
		if len(line) < len(content) {
			line, _ = strings.CutSuffix(line, "\r")
		}
		fault := input.SecretFault(identkit.Secret(line))
		e.That(fault == "", name, "names a file whose content "+fault)
		return identkit.Secret(line)
	}
	return ""
}

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxSecretFile+1))
}
