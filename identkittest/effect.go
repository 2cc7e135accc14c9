package identkittest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/identkit/identkit/internal/fault"
)

// The parts of a response. A rule can set each once.
const (
	slotReply      = "the response"
	slotBody       = "the body"
	slotEncoding   = "the encoding"
	slotHead       = "the time before the response"
	slotPace       = "the pace of the body"
	slotEnd        = "the end of the body"
	slotConnection = "the connection"
	slotToken      = "the token"
	slotDelivery   = "the delivery"
	slotHeader     = "a header"
)

// maxSize is more than any test sends, and far below overflow.
const maxSize = 1 << 40

// Status responds with an empty body in front of the fake, which does not process the request; see [Rule.Processed].
func (r Rule) Status(code int) Rule {
	return r.call("Status", code).reply("Status", code, "", nil)
}

// JSON responds with v as JSON in front of the fake, which does not process the request. A json.RawMessage or []byte is sent as it is.
func (r Rule) JSON(code int, v any) Rule {
	var body []byte
	switch v := v.(type) {
	case json.RawMessage:
		body = v
	case []byte:
		body = v
	default:
		var err error
		if body, err = json.Marshal(v); err != nil {
			return r.call("JSON", code, v).must(false, "JSON cannot marshal its value: "+err.Error())
		}
	}
	body = bytes.Clone(body)
	return r.call("JSON", code, json.RawMessage(body)).reply("JSON", code, "application/json", body)
}

// HTML responds with an error page of a proxy, in front of the fake, which does not process the request.
func (r Rule) HTML(code int) Rule {
	const page = "<html>\r\n<head><title>%d %s</title></head>\r\n<body><center><h1>%[1]d %[2]s</h1></center></body>\r\n</html>\r\n"
	return r.call("HTML", code).
		reply("HTML", code, "text/html", fmt.Appendf(nil, page, code, http.StatusText(code)))
}

// Body responds with any body in front of the fake, which does not process the request. An empty contentType sends none.
func (r Rule) Body(code int, contentType string, body []byte) Rule {
	body = bytes.Clone(body)
	return r.call("Body", code, contentType, body).reply("Body", code, contentType, body)
}

// RetryAfter responds with a status and a Retry-After header in front of the fake, which does not process the request.
// The value is sent as it is, so that it may be anything: "1", "1.5", an HTTP date, "-3".
func (r Rule) RetryAfter(code int, value string) Rule {
	return r.call("RetryAfter", code, value).reply("RetryAfter", code, "", nil).setHeader("Retry-After", value)
}

// Redirect responds with 307 and the location in front of the fake, which does not process the request. A client that follows it
// sends the same method, body and perhaps credentials there.
func (r Rule) Redirect(location string) Rule {
	_, err := url.Parse(location)
	return r.call("Redirect", location).must(err == nil && location != "", "Redirect needs a URL").
		reply("Redirect", http.StatusTemporaryRedirect, "", nil).setHeader("Location", location)
}

// Header sets a header on the response, the rule's or the fake's own.
func (r Rule) Header(name, value string) Rule {
	return r.call("Header", name, hidden(value)).must(name != "", "Header needs a name").setHeader(name, value).take("Header", slotHeader)
}

// Processed lets the fake process the request although the rule's response is sent in place of its own: as a
// gateway does that responds 502 after the server behind it processed the request.
func (r Rule) Processed() Rule {
	r.spec.Processed = true
	return r.call("Processed")
}

// BadJSON cuts the body of the fake's response so that it is no JSON, although all announced bytes arrive.
func (r Rule) BadJSON() Rule { return r.body("BadJSON", fault.BadJSON) }

// Empty sends the status of the fake's response without a body.
func (r Rule) Empty() Rule { return r.body("Empty", fault.Empty) }

// DuplicateBody sends the body of the fake's response and then the same bytes again.
func (r Rule) DuplicateBody() Rule { return r.body("DuplicateBody", fault.Duplicate) }

// Pad puts n spaces in front of the body of the fake's response, which stays valid JSON. They are
// generated while sending, so that n may be larger than memory.
func (r Rule) Pad(n int64) Rule {
	r.spec.Padding = n
	return r.call("Pad", n).take("Pad", slotBody).must(n >= 1 && n <= maxSize, "Pad needs at least 1 byte and at most 1 TiB")
}

// Gzip compresses the body, whether or not the client asked for that.
func (r Rule) Gzip() Rule {
	r.spec.Encoding = fault.Gzip
	return r.call("Gzip").take("Gzip", slotEncoding)
}

// GzipTruncated sends only the beginning of the compressed body, although all announced bytes arrive.
func (r Rule) GzipTruncated() Rule {
	r.spec.Encoding = fault.GzipTruncated
	return r.call("GzipTruncated").take("GzipTruncated", slotEncoding)
}

// GzipBomb sends the body compressed after n spaces, which need about a thousandth of n on the wire.
func (r Rule) GzipBomb(n int64) Rule {
	r.spec.Encoding, r.spec.Padding = fault.Gzip, n
	return r.call("GzipBomb", n).take("GzipBomb", slotEncoding, slotBody).
		must(n >= 1 && n <= maxSize, "GzipBomb needs at least 1 byte and at most 1 TiB")
}

// SlowHeader lets d pass before the response begins; the fake has processed the request by then. Time is real, or that of the
// testing/synctest bubble, never the fake's clock.
func (r Rule) SlowHeader(d time.Duration) Rule {
	r.spec.Delay = d
	return r.call("SlowHeader", d).take("SlowHeader", slotHead).must(d > 0, "SlowHeader needs a positive duration")
}

// SlowBody sends the body in chunks with a pause after each.
func (r Rule) SlowBody(bytesPerChunk int, every time.Duration) Rule {
	return r.call("SlowBody", bytesPerChunk, every).pace("SlowBody", bytesPerChunk, every)
}

// Stream sends the body one chunk at a time and then spaces without end: Stream(1, time.Second) is one byte
// a second without end.
func (r Rule) Stream(bytesPerChunk int, every time.Duration) Rule {
	r.spec.Endless = true
	return r.call("Stream", bytesPerChunk, every).take("Stream", slotEnd).pace("Stream", bytesPerChunk, every)
}

// Truncate announces the whole body and closes the connection after n bytes of it.
func (r Rule) Truncate(n int64) Rule {
	return r.call("Truncate", n).end("Truncate", fault.Truncated, n).
		must(n >= 0 && n <= maxSize, "Truncate cannot send less than nothing or more than 1 TiB")
}

// TruncateHalf announces the whole body and closes the connection after half of it.
func (r Rule) TruncateHalf() Rule {
	return r.call("TruncateHalf").end("TruncateHalf", fault.Truncated, fault.Half)
}

// ResetAfterHeaders resets the connection when the status and headers of the response are sent.
func (r Rule) ResetAfterHeaders() Rule {
	return r.call("ResetAfterHeaders").end("ResetAfterHeaders", fault.Cut, 0)
}

// ResetInBody resets the connection when half of the body of the response is sent.
func (r Rule) ResetInBody() Rule {
	return r.call("ResetInBody").end("ResetInBody", fault.Cut, fault.Half)
}

// Reset resets the connection when the request has arrived and before the fake processes it. Note that net/http itself
// repeats a GET that meets this on a reused connection; the journal then shows two requests.
func (r Rule) Reset() Rule { return r.connection("Reset", fault.Reset) }

// Refuse refuses the connection, so that surely nothing was sent. Only a fake without a socket can do that (Transport,
// Responder); over a socket the connection exists already, and it becomes [Rule.Reset].
func (r Rule) Refuse() Rule { return r.connection("Refuse", fault.Refuse).take("Refuse", slotHead) }

// LoseResponse lets the fake process the request and resets the connection in place of the response: the outcome is unknown to the client.
func (r Rule) LoseResponse() Rule { return r.connection("LoseResponse", fault.LoseResponse) }

// ExpireToken ends the validity of the access token the request came with, before the fake looks at it. Fakes whose
// provider has no access tokens refuse the rule.
func (r Rule) ExpireToken() Rule {
	r.spec.ExpireToken = true
	return r.call("ExpireToken").take("ExpireToken", slotToken)
}

// DuplicateDelivery sends the webhooks and callbacks it hits again. Fakes that send none refuse the rule.
func (r Rule) DuplicateDelivery() Rule {
	r.spec.DuplicateDelivery = true
	return r.call("DuplicateDelivery").take("DuplicateDelivery", slotDelivery)
}

// Reorder delays the webhooks and callbacks it hits until the next one was sent. Fakes that send none refuse the rule.
func (r Rule) Reorder() Rule {
	r.spec.Reorder = true
	return r.call("Reorder").take("Reorder", slotDelivery)
}

func (r Rule) reply(effect string, code int, contentType string, body []byte) Rule {
	r.spec.Reply = &fault.Reply{Status: code, Type: contentType, Body: body}
	return r.take(effect, slotReply).must(code >= 200 && code <= 599, effect+" needs a status from 200 to 599")
}

func (r Rule) setHeader(name, value string) Rule {
	header := r.spec.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	header.Set(name, value)
	r.spec.Header = header
	return r
}

func (r Rule) body(effect string, how fault.Body) Rule {
	r.spec.Body = how
	return r.call(effect).take(effect, slotBody)
}

func (r Rule) connection(effect string, what fault.Connection) Rule {
	r.spec.Connection = what
	return r.call(effect).take(effect, slotConnection, slotReply, slotEnd)
}

func (r Rule) pace(effect string, bytesPerChunk int, every time.Duration) Rule {
	r.spec.ChunkBytes, r.spec.ChunkEvery = bytesPerChunk, every
	return r.take(effect, slotPace).must(bytesPerChunk >= 1 && every > 0, effect+" needs at least 1 byte and a positive duration")
}

func (r Rule) end(effect string, how fault.End, after int64) Rule {
	r.spec.End, r.spec.EndAfter = how, after
	return r.take(effect, slotEnd)
}
