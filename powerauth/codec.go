package powerauth

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// codec reads and writes PAC's JSON: by the rules of package wire, with times as epoch milliseconds.
var codec = wire.NewCodec(json.JoinUnmarshalers(
	transport.Elements[Registration](),
), json.JoinMarshalers(
	json.MarshalToFunc(writeTime),
))

func writeTime(enc *jsontext.Encoder, at time.Time) error {
	return enc.WriteValue(strconv.AppendInt(nil, at.UnixMilli(), 10))
}
