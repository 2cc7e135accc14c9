package iproov

import (
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit/internal/wire"
)

// codec reads and writes iProov's JSON. What decides nothing is read leniently: it must not cost a verdict.
var codec = wire.NewCodec(
	json.JoinUnmarshalers(
		json.UnmarshalFromFunc(readText[AssuranceType]), json.UnmarshalFromFunc(readText[Quality]),
		json.UnmarshalFromFunc(readSignals), json.UnmarshalFromFunc(readQuality),
		json.UnmarshalFromFunc(readFallback), wire.OneOrMany[Fallback](), json.UnmarshalFromFunc(readScopes),
	),
	json.MarshalToFunc(writeTime),
)

// readText reads a named type as tolerantly as a string.
func readText[T ~string](dec *jsontext.Decoder, t *T) error {
	var s string
	err := json.UnmarshalDecode(dec, &s)
	*t = T(s)
	return err
}

// readQuality takes anything but an object for no rating.
func readQuality(dec *jsontext.Decoder, q *FrameQuality) error {
	if dec.PeekKind() == '{' {
		return errors.ErrUnsupported // as the library reads it
	}
	*q = FrameQuality{}
	return dec.SkipValue()
}

// readFallback also reads the bare texts of older responses.
func readFallback(dec *jsontext.Decoder, f *Fallback) error {
	if dec.PeekKind() == '{' {
		return errors.ErrUnsupported
	}
	*f = Fallback{}
	return json.UnmarshalDecode(dec, &f.Message)
}

// readScopes reads an array, or a text with spaces or commas.
func readScopes(dec *jsontext.Decoder, scopes *[]Scope) error {
	var texts []string
	if err := json.UnmarshalDecode(dec, &texts); err != nil {
		return err
	}
	*scopes = nil
	for _, s := range texts {
		for _, one := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' }) {
			*scopes = append(*scopes, Scope(one))
		}
	}
	return nil
}

// writeTime writes what the glossary of the vendor's documentation has: yyyy-MM-dd'T'HH:mm:ss.SSS'Z'.
func writeTime(enc *jsontext.Encoder, at time.Time) error {
	return enc.WriteToken(jsontext.String(at.UTC().Format("2006-01-02T15:04:05.000Z")))
}

// textOf is a scalar as text, or "".
func textOf(value jsontext.Value) (s string) {
	_ = codec.Unmarshal(value, &s) // or s stays empty
	return s
}
