package wire

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit"
)

// scalars are the tolerant readers of plain types. Named types of the same kind are not theirs.
var scalars = json.JoinUnmarshalers(
	json.UnmarshalFromFunc(readText),
	json.UnmarshalFromFunc(readBool),
	json.UnmarshalFromFunc(readInteger[int]),
	json.UnmarshalFromFunc(readInteger[int64]),
	json.UnmarshalFromFunc(readFloat),
	json.UnmarshalFromFunc(readTime),
	json.UnmarshalFromFunc(readSecret),
	json.UnmarshalFromFunc(readTexts),
)

// readText reads a string, or a number or boolean as its JSON text; anything else gives "".
func readText(dec *jsontext.Decoder, s *string) error {
	switch dec.PeekKind() {
	case '"':
		return errors.ErrUnsupported // as the library reads it
	case '0', 't', 'f':
		v, err := dec.ReadValue()
		*s = string(v)
		return err
	}
	*s = ""
	return dec.SkipValue()
}

// readBool reads true and false, also as a string in any letter case; anything else gives false.
func readBool(dec *jsontext.Decoder, b *bool) error {
	switch dec.PeekKind() {
	case 't', 'f':
		return errors.ErrUnsupported
	case '"':
		v, err := dec.ReadToken()
		*b = err == nil && strings.EqualFold(v.String(), "true")
		return err
	}
	*b = false
	return dec.SkipValue()
}

// readInteger reads an integer exactly, a fraction without a remainder, or either in a string; anything else gives 0.
func readInteger[T int | int64](dec *jsontext.Decoder, n *T) error {
	*n = 0
	text, err := digits(dec)
	if err != nil || text == "" {
		return err
	}
	if i, err := strconv.ParseInt(text, 10, strconv.IntSize); err == nil {
		*n = T(i)
	} else if f, err := strconv.ParseFloat(text, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		*n = T(f)
	}
	return nil
}

// readFloat reads a number, or one in a string; anything else gives 0.
func readFloat(dec *jsontext.Decoder, f *float64) error {
	*f = 0
	text, err := digits(dec)
	if err != nil || text == "" {
		return err
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
		*f = v
	}
	return nil
}

// digits is the text of a number or string; "" for anything else.
func digits(dec *jsontext.Decoder) (string, error) {
	switch dec.PeekKind() {
	case '0', '"':
		t, err := dec.ReadToken()
		if err != nil {
			return "", err
		}
		return strings.TrimSpace(t.String()), nil
	}
	return "", dec.SkipValue()
}

// readTime reads a time as [ParseTime] does, from a string or number; anything else gives the zero time.
func readTime(dec *jsontext.Decoder, at *time.Time) error {
	*at = time.Time{}
	switch dec.PeekKind() {
	case '0':
		v, err := dec.ReadValue()
		if err == nil {
			*at = parseEpoch(string(v))
		}
		return err
	case '"':
		t, err := dec.ReadToken()
		if err == nil {
			*at = ParseTime(t.String())
		}
		return err
	}
	return dec.SkipValue()
}

// readSecret reads a string; null gives "".
func readSecret(dec *jsontext.Decoder, s *identkit.Secret) error {
	switch dec.PeekKind() {
	case '"':
		t, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if *s = identkit.Secret(t.String()); s.IsMask() {
			*s = ""
			return identkit.ErrMasked
		}
		return nil
	case 'n':
		*s = ""
		return dec.SkipValue()
	}
	return errType
}

var errType = errors.New("another JSON type was expected")

// readTexts also reads a single text as a list of one; an object gives an empty list.
func readTexts(dec *jsontext.Decoder, list *[]string) error {
	if dec.PeekKind() == '{' {
		*list = nil
		return dec.SkipValue()
	}
	return readOneOrMany(dec, list)
}

// Text reads a T as a plain string is read, for enumerations that decide nothing.
func Text[T ~string]() *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(dec *jsontext.Decoder, t *T) error {
		if dec.PeekKind() == '"' {
			return errors.ErrUnsupported
		}
		var s string
		err := readText(dec, &s)
		*t = T(s)
		return err
	})
}

// Object reads a T from an object, and leaves it empty for every other value, for structs, pointers and maps that decide nothing.
func Object[T any]() *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *T) error {
		if dec.PeekKind() == '{' {
			return errors.ErrUnsupported
		}
		*v = *new(T)
		return dec.SkipValue()
	})
}

// OneOrMany reads a []T from an array, or from a single value; null gives an empty list.
func OneOrMany[T any]() *json.Unmarshalers { return json.UnmarshalFromFunc(readOneOrMany[T]) }

func readOneOrMany[T any](dec *jsontext.Decoder, list *[]T) error {
	switch dec.PeekKind() {
	case '[':
		return errors.ErrUnsupported
	case 'n':
		*list = nil
		return dec.SkipValue()
	}
	var one T
	if err := json.UnmarshalDecode(dec, &one); err != nil {
		return err
	}
	*list = []T{one}
	return nil
}

// ArrayOrObject reads a []T from an array, or from an object whose members are the elements, in their order.
func ArrayOrObject[T any]() *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(dec *jsontext.Decoder, list *[]T) error {
		if dec.PeekKind() != '{' {
			return errors.ErrUnsupported
		}
		*list = nil
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		for dec.PeekKind() != '}' {
			if _, err := dec.ReadToken(); err != nil { // the name
				return err
			}
			var one T
			if err := json.UnmarshalDecode(dec, &one); err != nil {
				return err
			}
			*list = append(*list, one)
		}
		_, err := dec.ReadToken()
		return err
	})
}

// Embedded returns the JSON inside a JSON string, such as {"data":"{\"a\":1}"}; any other value is returned as it is.
func Embedded(value jsontext.Value) jsontext.Value {
	if value.Kind() != '"' {
		return value
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return value
	}
	if inner := jsontext.Value(text); inner.IsValid() {
		return inner
	}
	return value
}
