package powerauth

import (
	stdjson "encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// codec reads and writes PAC's JSON: by the rules of package wire, with times as epoch milliseconds.
var codec = wire.NewCodec(json.JoinUnmarshalers(
	transport.Elements[Passkey](),
	transport.Elements[AuditItem](),
	json.UnmarshalFromFunc(readBinary),
	json.UnmarshalFromFunc(readCount),
	json.UnmarshalFromFunc(readMembers[stdjson.RawMessage]),
), json.JoinMarshalers(
	json.MarshalToFunc(writeTime),
	json.MarshalToFunc(writeDuration),
))

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
	if i, err := strconv.Atoi(strings.Trim(string(value), `"`)); err == nil {
		*count = &i
	}
	return nil
}
