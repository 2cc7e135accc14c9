package protocol

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrOperationData is the error of a text that is not operation data, or of fields that cannot be written as such.
// Errors never repeat the text.
var ErrOperationData = errors.New("powerauth: not operation data")

// OperationID identifies an operation. It is opaque, a UUID in every sample.
type OperationID string

// OperationData is the signed content of an operation in the form that the app parses to show it: a header such as
// "A1" and typed fields, joined by asterisks. The provider builds it from the operation's template and parameters. A backend
// reads that of an operation or of an offline QR code, or encodes what it expects and compares.
//
// Source: wultra/powerauth-webflow, docs/Operation-Data.md, checked 2026-11.
type OperationData struct {
	// Version is one capital letter; "A" is the only one described so far.
	Version string
	// Template says how the app words the fields: 0 generic, 1 payment, 2 login; at most 99.
	Template int
	// Fields are in the order of the template, which may leave some empty.
	Fields []OperationField
}

const (
	maxOperationData = 8 << 10
	maxTemplate      = 99
	// The vendor's documentation allows 5 fields, its newest phone parser reads 6.
	maxFieldsWritten = 5
	maxFieldsRead    = 6
)

// ParseOperationData reads operation data as the phone does, which refuses the whole on a malformed amount, account or
// date. Fields of an unknown type are kept as text. Six fields are read, although the documentation allows five: the
// vendor's newest parser does so (an assumption). The error is [ErrOperationData]; at most 8 KiB are read.
func ParseOperationData(s string) (OperationData, error) {
	if err := checkOperationText(s); err != nil {
		return OperationData{}, err
	}
	parts := splitFields(s)
	m := operationHeader.FindStringSubmatch(parts[0])
	if m == nil {
		return OperationData{}, fmt.Errorf("%w: the header is a letter and a number up to %d", ErrOperationData, maxTemplate)
	}
	if len(parts)-1 > maxFieldsRead {
		return OperationData{}, fmt.Errorf("%w: too many fields", ErrOperationData)
	}
	d := OperationData{Version: m[1]}
	d.Template, _ = strconv.Atoi(m[2]) // one or two digits
	for i, part := range parts[1:] {
		field, err := parseField(part)
		if err != nil {
			return OperationData{}, fmt.Errorf("field %d: %w", i+1, err)
		}
		d.Fields = append(d.Fields, field)
	}
	return d, nil
}

// Encode writes the data; an empty Version means "A". It refuses with [ErrOperationData] what a phone would not read,
// and more than five fields.
func (d OperationData) Encode() (string, error) {
	if d.Version == "" {
		d.Version = "A"
	}
	head := d.Version + strconv.Itoa(d.Template)
	if !operationHeader.MatchString(head) {
		return "", fmt.Errorf("%w: the header is a capital letter and a number up to %d", ErrOperationData, maxTemplate)
	}
	if len(d.Fields) > maxFieldsWritten {
		return "", fmt.Errorf("%w: more than %d fields", ErrOperationData, maxFieldsWritten)
	}
	out := []string{head}
	for i, f := range d.Fields {
		if err := f.validate(); err != nil {
			return "", fmt.Errorf("field %d: %w", i+1, err)
		}
		out = append(out, string(f.Type)+escapeData.Replace(f.Value))
	}
	text := strings.Join(out, "*")
	if err := checkOperationText(text); err != nil {
		return "", err
	}
	return text, nil
}

// OperationFieldType is the letter that says what a field holds. Unknown letters pass through, and are shown as text.
type OperationFieldType string

// The field types of version A.
const (
	FieldAmount     OperationFieldType = "A" // decimal number and currency, such as 100.50CZK
	FieldAccount    OperationFieldType = "I" // IBAN, and BIC after a comma
	FieldAnyAccount OperationFieldType = "Q" // account number as free text
	FieldDate       OperationFieldType = "D" // YYYYMMDD
	FieldReference  OperationFieldType = "R" // reference of the operation
	FieldNote       OperationFieldType = "N" // note, such as one to the recipient
	FieldText       OperationFieldType = "T" // any other text
)

// Known reports whether it is one of the types of version A.
func (t OperationFieldType) Known() bool {
	return len(t) == 1 && strings.ContainsRune("AIQDRNT", rune(t[0]))
}

// OperationField is one field of operation data. The zero value is an empty field, which keeps the place of an optional
// one. Make others with [AmountField], [AccountField], [DateField], or as a literal.
type OperationField struct {
	Type OperationFieldType
	// Value is the field's text without its letter and with escapes resolved.
	Value string
}

// AmountField makes an amount. It is a decimal number with a dot, such as "1492.50"; the currency is an ISO 4217 code.
func AmountField(amount, currency string) OperationField {
	return OperationField{Type: FieldAmount, Value: amount + currency}
}

// AccountField makes an account from an IBAN without spaces and a BIC, which may be empty.
func AccountField(iban, bic string) OperationField {
	if bic != "" {
		iban += "," + bic
	}
	return OperationField{Type: FieldAccount, Value: iban}
}

// DateField makes a date from the day of t in its own location.
func DateField(t time.Time) OperationField {
	return OperationField{Type: FieldDate, Value: t.Format(fieldDate)}
}

// Amount splits an amount; ok is false for other fields.
func (f OperationField) Amount() (amount, currency string, ok bool) {
	if f.Type != FieldAmount || !amountForm.MatchString(f.Value) {
		return "", "", false
	}
	end := len(f.Value) - currencyLength
	return f.Value[:end], f.Value[end:], true
}

// Account splits an account; ok is false for other fields. The BIC may be empty.
func (f OperationField) Account() (iban, bic string, ok bool) {
	if f.Type != FieldAccount || !accountForm.MatchString(f.Value) {
		return "", "", false
	}
	iban, bic, _ = strings.Cut(f.Value, ",")
	return iban, bic, true
}

// Date returns the day, at midnight UTC; ok is false for other fields.
func (f OperationField) Date() (day time.Time, ok bool) {
	if f.Type != FieldDate {
		return time.Time{}, false
	}
	day, err := time.Parse(fieldDate, f.Value)
	return day, err == nil
}

const (
	fieldDate      = "20060102"
	currencyLength = 3
)

var (
	operationHeader = regexp.MustCompile(`^([A-Z])([0-9]{1,2})$`)
	fieldLetter     = regexp.MustCompile(`^[A-Za-z]$`)
	amountForm      = regexp.MustCompile(`^-?[0-9]*\.?[0-9]+[A-Za-z]{3}$`)
	accountForm     = regexp.MustCompile(`^[0-9A-Z]+(,[0-9A-Z]*)?$`)
)

func (f OperationField) validate() error {
	if f == (OperationField{}) {
		return nil
	}
	var ok bool
	switch f.Type {
	case FieldAmount:
		_, _, ok = f.Amount()
	case FieldAccount:
		_, _, ok = f.Account()
	case FieldDate:
		_, ok = f.Date()
	default:
		ok = fieldLetter.MatchString(string(f.Type))
	}
	if !ok {
		return fmt.Errorf("%w: malformed amount, account, date or type", ErrOperationData)
	}
	return nil
}

func parseField(s string) (OperationField, error) {
	if s == "" {
		return OperationField{}, nil
	}
	// A first character of more than one byte is no letter, so that cutting it apart does no harm.
	f := OperationField{Type: OperationFieldType(s[:1]), Value: unescapeData.Replace(s[1:])}
	return f, f.validate()
}

func checkOperationText(s string) error {
	if len(s) > maxOperationData || !utf8.ValidString(s) || hasControl(s) {
		return fmt.Errorf("%w: too long, not UTF-8, or control characters in it", ErrOperationData)
	}
	return nil
}

// splitFields splits at asterisks that no backslash escapes.
func splitFields(s string) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '*':
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// The escapes of operation data, and of other texts in an offline QR code. A backslash before anything else stays, as on the phone.
var (
	escapeData   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "*", `\*`)
	unescapeData = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\*`, "*")
	unescapeText = strings.NewReplacer(`\\`, `\`, `\n`, "\n")
)

// hasControl finds the characters below the space, which no part of an operation may hold unescaped.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' })
}
