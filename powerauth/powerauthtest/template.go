package powerauthtest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/identkit/identkit/powerauth/protocol"
)

// Template is an operation template.
type Template struct {
	OperationType  string        // empty: the template's name
	Validity       time.Duration // zero: 5 minutes
	MaxFailures    int           // zero: 5
	ProximityCheck bool
	// Factors are the combinations that may approve; empty means possession_knowledge and possession_biometry.
	Factors []protocol.Factors
	// Data is the data template, such as "A1*A${amount}${currency}*I${iban}"; empty means "A2", a login.
	Data string
	// Title and Message appear in offline QR codes. An empty title means the template's name.
	Title, Message string
	// RiskFlags are X (flip buttons), F (fraud warning) and C (block while on call).
	RiskFlags protocol.OfflineFlags
}

// template finds an operation template; without a list in the options, every name has one.
func (s *Server) template(name string) (Template, bool) {
	t, ok := s.opts.Templates[name]
	t.OperationType = cmp.Or(t.OperationType, name)
	t.Validity = cmp.Or(t.Validity, 5*time.Minute)
	t.MaxFailures = cmp.Or(t.MaxFailures, 5)
	t.Data = cmp.Or(t.Data, "A2")
	t.Title = cmp.Or(t.Title, name)
	if len(t.Factors) == 0 {
		t.Factors = []protocol.Factors{possessionKnowledge, possessionBiometry}
	}
	return t, ok || len(s.opts.Templates) == 0
}

const (
	possessionKnowledge protocol.Factors = "possession_knowledge"
	possessionBiometry  protocol.Factors = "possession_biometry"
)

// allows reports whether a combination of factors may approve. Case is ignored.
func (t Template) allows(factors protocol.Factors) bool {
	return slices.ContainsFunc(t.Factors, func(f protocol.Factors) bool { return strings.EqualFold(string(f), string(factors)) })
}

// fill writes the operation data: parameters replace their names, with line feeds, backslashes and asterisks escaped.
// A name without a parameter stays, as the engine leaves it.
func (t Template) fill(parameters map[string]string) string {
	escape := strings.NewReplacer(`\`, `\\`, "*", `\*`, "\n", `\n`)
	var pairs []string
	for name, text := range parameters {
		pairs = append(pairs, "${"+name+"}", escape.Replace(text))
	}
	return strings.NewReplacer(pairs...).Replace(t.Data)
}
