package webhook

import "github.com/identkit/identkit"

// faults collects what is wrong with a configuration, so that all of it is reported at once.
type faults struct{ fields []identkit.FieldError }

// refuse adds a fault. The reason must not repeat the value.
func (f *faults) refuse(field, reason string) {
	f.fields = append(f.fields, identkit.FieldError{Field: field, Reason: reason})
}

// that refuses the field unless ok.
func (f *faults) that(ok bool, field, reason string) {
	if !ok {
		f.refuse(field, reason)
	}
}

// err returns the faults as the error of a constructor, or nil.
func (f *faults) err(operation string) error {
	if len(f.fields) == 0 {
		return nil
	}
	return &identkit.Error{Provider: "webhook", Operation: "webhook." + operation, Kind: identkit.ErrInvalidRequest, Fields: f.fields}
}

// verifier ends the constructor of a verifier.
func (f *faults) verifier(operation string, v Verifier) (Verifier, error) {
	if err := f.err(operation); err != nil {
		return nil, err
	}
	return v, nil
}
