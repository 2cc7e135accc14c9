package powerauth

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
	"github.com/identkit/identkit/powerauth/protocol"
)

// codec reads and writes PAC's JSON: by the rules of package wire, with times as epoch milliseconds.
var codec = wire.NewCodec(json.JoinUnmarshalers(
	transport.Elements[Registration](),
	transport.Elements[Passkey](),
	transport.Elements[AuditItem](),
	json.UnmarshalFromFunc(readBinary),
	json.UnmarshalFromFunc(readApplications),
	json.UnmarshalFromFunc(readFactors),
	json.UnmarshalFromFunc(readCount),
	json.UnmarshalFromFunc(readMembers[string]),
	json.UnmarshalFromFunc(readMembers[stdjson.RawMessage]),
), json.JoinMarshalers(
	json.MarshalToFunc(writeTime),
	json.MarshalToFunc(writeDuration),
))

// params reads the inputs of calls, which a backend may take from its own clients: exact names and no duplicates as in codec, but
// strict about types. Read tolerantly, "proximityCheckEnabled":1 would turn the check off, and an unreadable expiry would be dropped.
var params = wire.NewCodec(json.JoinUnmarshalers(
	json.UnmarshalFromFunc(readOnly[string](`"`)),
	json.UnmarshalFromFunc(readOnly[bool]("tf")),
	json.UnmarshalFromFunc(readOnly[[]string]("[")),
	json.UnmarshalFromFunc(readExpiry),
), nil)

func readParams(body []byte, in any) error {
	if err := params.Unmarshal(body, in); err != nil {
		return fmt.Errorf("powerauth: body %w", err)
	}
	return nil
}

var errType = errors.New("another JSON type was expected")

// writeTime writes epoch milliseconds; the zero time is null.
func writeTime(enc *jsontext.Encoder, at time.Time) error {
	if at.IsZero() {
		return enc.WriteToken(jsontext.Null)
	}
	return enc.WriteValue(strconv.AppendInt(nil, at.UnixMilli(), 10))
}

// readMembers reads an object into a map; anything else, which decides nothing, gives nil.
func readMembers[V any](dec *jsontext.Decoder, members *map[string]V) error {
	if dec.PeekKind() == '{' {
		return errors.ErrUnsupported
	}
	*members = nil
	return dec.SkipValue()
}

// readCount reads a number that may be missing; anything that is no integer gives nil.
func readCount(dec *jsontext.Decoder, count **int) error {
	*count = nil
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(strings.Trim(string(value), `"`), 64)
	if err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<31 {
		n := int(f)
		*count = &n
	}
	return nil
}

// readFactors reads a known combination of factors in lower case, or any other text unchanged.
func readFactors(dec *jsontext.Decoder, factors *protocol.Factors) error {
	if dec.PeekKind() != '"' {
		return errors.ErrUnsupported
	}
	t, err := dec.ReadToken()
	if err != nil {
		return err
	}
	*factors = protocol.Factors(t.String())
	if known, err := protocol.ParseFactors(t.String()); err == nil {
		*factors = known
	}
	return nil
}

// readOnly leaves null and values of the given kinds to the next reader, and refuses all others.
func readOnly[T any](kinds string) func(*jsontext.Decoder, *T) error {
	return func(dec *jsontext.Decoder, _ *T) error {
		if kind := dec.PeekKind(); kind == 'n' || strings.ContainsRune(kinds, rune(kind)) {
			return errors.ErrUnsupported
		}
		return errType
	}
}

// readExpiry reads a time as wire.ParseTime does; one that cannot be read is an error.
func readExpiry(dec *jsontext.Decoder, at *time.Time) error {
	kind := dec.PeekKind()
	if kind == 'n' {
		return errors.ErrUnsupported
	}
	t, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if *at = wire.ParseTime(t.String()); kind != '0' && kind != '"' || at.IsZero() && t.String() != "" {
		return errType
	}
	return nil
}

// readApplications reads ids of applications in every form that was seen or is plausible: a text, an array, a bracketed list inside
// a text, objects with a name. Anything else gives none, never an error: nothing depends on them.
func readApplications(dec *jsontext.Decoder, ids *[]ApplicationID) error {
	value, err := dec.ReadValue()
	*ids = applicationsIn(value)
	return err
}

func applicationsIn(value jsontext.Value) (ids []ApplicationID) {
	switch value.Kind() {
	case '0':
		return []ApplicationID{ApplicationID(value)}
	case '"':
		var text string
		_ = wire.Unmarshal(value, &text)
		return applicationsInText(text)
	case '[':
		var list []jsontext.Value
		_ = wire.Unmarshal(value, &list)
		for _, item := range list {
			ids = append(ids, applicationsIn(item)...)
		}
	case '{':
		for _, name := range [...]string{"applicationId", "id", "name"} {
			if ids = applicationsIn(wire.Member(value, name)); len(ids) > 0 {
				return ids
			}
		}
	}
	return ids
}

// applicationsInText reads an id, or a list that was put into a text: ["a","b"] or [a, b].
func applicationsInText(text string) (ids []ApplicationID) {
	text = strings.TrimSpace(text)
	inside, open := strings.CutPrefix(text, "[")
	inside, closed := strings.CutSuffix(inside, "]")
	if !open || !closed {
		if text == "" {
			return nil
		}
		return []ApplicationID{ApplicationID(text)}
	}
	if wire.Unmarshal([]byte(text), &ids) == nil {
		return ids
	}
	ids = nil // filled in part
	for part := range strings.SplitSeq(inside, ",") {
		if part = strings.Trim(strings.TrimSpace(part), `"'`); part != "" {
			ids = append(ids, ApplicationID(part))
		}
	}
	return ids
}

// required refuses a response in which one of these members, given as pairs of name and value, is empty.
func required(members ...string) error {
	for member := range slices.Chunk(members, 2) {
		if member[1] == "" {
			return transport.Missing(member[0])
		}
	}
	return nil
}

// requiredList refuses a response without the list, or with an element that the check refuses.
func requiredList[T any](member string, list []T, check func(*T) error) error {
	if list == nil {
		return transport.Missing(member)
	}
	for i := range list {
		if err := check(&list[i]); err != nil {
			return err
		}
	}
	return nil
}
