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

// codec reads and writes PAC's JSON: package wire's rules, and what only PAC has.
var codec = wire.NewCodec(
	json.JoinUnmarshalers(
		transport.Elements[Passkey](), transport.Elements[AuditItem](),
		json.UnmarshalFromFunc(readCount), json.UnmarshalFromFunc(readBinary), json.UnmarshalFromFunc(readMembers),
	),
	json.JoinMarshalers(json.MarshalToFunc(writeTime), json.MarshalToFunc(writeDuration)),
)

// readCount reads a number that PAC may leave out. What is not a number gives nil: zero would mean that nothing is left.
func readCount(dec *jsontext.Decoder, n **int) error {
	*n = nil
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if _, err := strconv.ParseFloat(strings.Trim(string(value), `" `), 64); err != nil {
		return nil
	}
	*n = new(int)
	return wire.Unmarshal(value, *n)
}

// readBinary reads Base64 in every form; anything else gives nil. Bytes that decide something are [PasskeyBytes].
func readBinary(dec *jsontext.Decoder, b *[]byte) error {
	*b = nil
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var read PasskeyBytes
	if read.UnmarshalJSON(value) == nil {
		*b = read
	}
	return nil
}

// readMembers reads an object whose members are of no documented form; anything else gives nil.
func readMembers(dec *jsontext.Decoder, m *map[string]stdjson.RawMessage) error {
	if dec.PeekKind() == '{' {
		return errors.ErrUnsupported
	}
	*m = nil
	return dec.SkipValue()
}

// writeTime writes epoch milliseconds.
func writeTime(enc *jsontext.Encoder, at time.Time) error {
	return enc.WriteToken(jsontext.Int(at.UnixMilli()))
}

// writeDuration writes ISO 8601 in seconds, which the server's parser takes in any size.
func writeDuration(enc *jsontext.Encoder, d time.Duration) error {
	return enc.WriteToken(jsontext.String("PT" + strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "S"))
}
