package identkittest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// The parts of an answer. A rule can say one thing about each.
const (
	slotReply      = "the answer"
	slotBody       = "the body"
	slotEncoding   = "the encoding"
	slotHead       = "the time before the answer"
	slotPace       = "the pace of the body"
	slotEnd        = "the end of the body"
	slotConnection = "the connection"
	slotToken      = "the token"
	slotDelivery   = "the delivery"
	slotHeader     = "a header"
)

// maxSize is more than any test waits for, and far from where sizes overflow.
const maxSize = 1 << 40

// Status answers with an empty body in front of the fake, which does not act; see [Rule.Processed].
func (r Rule) Status(code int) Rule {
	return r.said("Status(%d)", code).reply("Status", code, "", nil)
}

// JSON answers with v as JSON in front of the fake, which does not act. A json.RawMessage or []byte is sent as it is.
func (r Rule) JSON(code int, v any) Rule {
	r = r.said("JSON(%d, …)", code)
	var body []byte
	switch v := v.(type) {
	case json.RawMessage:
		body = v
	case []byte:
		body = v
	default:
		var err error
		if body, err = json.Marshal(v); err != nil {
			return r.mistake("JSON cannot marshal its value: " + err.Error())
		}
	}
	return r.reply("JSON", code, "application/json", body)
}

// HTML answers with the kind of page a proxy shows, in front of the fake, which does not act.
func (r Rule) HTML(code int) Rule {
	const page = "<html>\r\n<head><title>%d %s</title></head>\r\n<body><center><h1>%[1]d %[2]s</h1></center></body>\r\n</html>\r\n"
	return r.said("HTML(%d)", code).
		reply("HTML", code, "text/html", fmt.Appendf(nil, page, code, http.StatusText(code)))
}

// Body answers with any body in front of the fake, which does not act. An empty contentType sends none.
func (r Rule) Body(code int, contentType string, body []byte) Rule {
	return r.said("Body(%d, %q, %d bytes)", code, contentType, len(body)).reply("Body", code, contentType, body)
}

// RetryAfter answers with a status and a Retry-After header in front of the fake, which does not act.
// The value is sent as it is, so that it may be anything: "1", "1.5", an HTTP date, "-3".
func (r Rule) RetryAfter(code int, value string) Rule {
	r = r.said("RetryAfter(%d, %q)", code, value).reply("RetryAfter", code, "", nil)
	return r.setHeader("Retry-After", value)
}

// Redirect answers with 307 and the location in front of the fake, which does not act. A client that follows it
// sends the same method, body and perhaps credentials there.
func (r Rule) Redirect(location string) Rule {
	r = r.said("Redirect(%q)", location)
	if _, err := url.Parse(location); err != nil || location == "" {
		return r.mistake("Redirect needs a URL")
	}
	return r.reply("Redirect", http.StatusTemporaryRedirect, "", nil).setHeader("Location", location)
}

// Header sets a header on the answer, the rule's or the fake's own.
func (r Rule) Header(name, value string) Rule {
	r = r.said("Header(%q, …)", name)
	if name == "" {
		return r.mistake("Header needs a name")
	}
	return r.take(slotHeader, "").setHeader(name, value)
}

// Processed lets the fake act on the request although the rule's answer is sent in place of its own: the
// gateway that answers 502 after the server behind it did what was asked.
func (r Rule) Processed() Rule {
	r = r.said("Processed()")
	r.plan.Processed = true
	return r
}

// BadJSON lets the fake act and cuts its answer so that the JSON is not whole, although all announced bytes arrive.
func (r Rule) BadJSON() Rule {
	r = r.said("BadJSON()").take(slotBody, "BadJSON")
	r.plan.Rewrite = RewriteBadJSON
	return r
}

// Empty lets the fake act and sends its status without a body.
func (r Rule) Empty() Rule {
	r = r.said("Empty()").take(slotBody, "Empty")
	r.plan.Rewrite = RewriteEmpty
	return r
}

// DuplicateBody lets the fake act and sends its body twice, one behind the other.
func (r Rule) DuplicateBody() Rule {
	r = r.said("DuplicateBody()").take(slotBody, "DuplicateBody")
	r.plan.Rewrite = RewriteDuplicate
	return r
}

// Pad lets the fake act and puts n spaces in front of its body, which is thus still good JSON. They are
// made while they are sent, so that n may be larger than memory.
func (r Rule) Pad(n int64) Rule {
	r = r.said("Pad(%d)", n).take(slotBody, "Pad")
	if n < 1 || n > maxSize {
		return r.mistake("Pad needs at least 1 byte and at most 1 TiB")
	}
	r.plan.Padding = n
	return r
}

// Gzip lets the fake act and compresses its body, whether or not the client asked for that.
func (r Rule) Gzip() Rule {
	r = r.said("Gzip()").take(slotEncoding, "Gzip")
	r.plan.Encoding = EncodingGzip
	return r
}

// GzipTruncated lets the fake act and sends only the beginning of its compressed body, although all announced bytes arrive.
func (r Rule) GzipTruncated() Rule {
	r = r.said("GzipTruncated()").take(slotEncoding, "GzipTruncated")
	r.plan.Encoding = EncodingGzipTruncated
	return r
}

// GzipBomb lets the fake act and sends its body compressed behind n spaces, which need about a thousandth of n on the wire.
func (r Rule) GzipBomb(n int64) Rule {
	r = r.said("GzipBomb(%d)", n).take(slotEncoding, "GzipBomb").take(slotBody, "GzipBomb")
	if n < 1 || n > maxSize {
		return r.mistake("GzipBomb needs at least 1 byte and at most 1 TiB")
	}
	r.plan.Encoding, r.plan.Padding = EncodingGzip, n
	return r
}

// SlowHeader lets d pass before the answer begins; the fake has acted by then. Time is real, or that of the
// testing/synctest bubble, never the fake's clock.
func (r Rule) SlowHeader(d time.Duration) Rule {
	r = r.said("SlowHeader(%v)", d).take(slotHead, "SlowHeader")
	if d <= 0 {
		return r.mistake("SlowHeader needs a positive duration")
	}
	r.plan.HeaderDelay = d
	return r
}

// SlowBody sends the body in chunks with a pause after each.
func (r Rule) SlowBody(bytesPerChunk int, every time.Duration) Rule {
	return r.said("SlowBody(%d, %v)", bytesPerChunk, every).pace("SlowBody", bytesPerChunk, every)
}

// Stream sends the body one chunk at a time and then goes on with spaces for ever: Stream(1, time.Second) is one byte
// a second without end.
func (r Rule) Stream(bytesPerChunk int, every time.Duration) Rule {
	r = r.said("Stream(%d, %v)", bytesPerChunk, every).take(slotEnd, "Stream").pace("Stream", bytesPerChunk, every)
	r.plan.Endless = true
	return r
}

// Truncate lets the fake act, announces its whole body and closes the connection after n bytes of it.
func (r Rule) Truncate(n int64) Rule {
	r = r.said("Truncate(%d)", n)
	if n < 0 || n > maxSize {
		return r.mistake("Truncate cannot send less than nothing or more than 1 TiB")
	}
	return r.end("Truncate", EndTruncated, n)
}

// TruncateHalf lets the fake act, announces its whole body and closes the connection after half of it.
func (r Rule) TruncateHalf() Rule {
	return r.said("TruncateHalf()").end("TruncateHalf", EndTruncated, Half)
}

// ResetAfterHeaders lets the fake act and resets the connection when its status and headers are sent.
func (r Rule) ResetAfterHeaders() Rule {
	return r.said("ResetAfterHeaders()").end("ResetAfterHeaders", EndReset, 0)
}

// ResetInBody lets the fake act and resets the connection when half of its body is sent.
func (r Rule) ResetInBody() Rule {
	return r.said("ResetInBody()").end("ResetInBody", EndReset, Half)
}

// Reset resets the connection when the request has arrived and before the fake acts. Note that net/http itself
// repeats a GET that meets this on a reused connection; the journal then shows two requests.
func (r Rule) Reset() Rule {
	r = r.said("Reset()").take(slotConnection, "Reset").take(slotReply, "Reset").take(slotEnd, "Reset")
	r.plan.Reset = true
	return r
}

// Refuse refuses the connection, so that surely nothing was sent. Only a fake without a socket can play it (Transport,
// Responder); over a socket the connection stands already, and it becomes [Rule.Reset].
func (r Rule) Refuse() Rule {
	r = r.said("Refuse()").take(slotConnection, "Refuse").take(slotReply, "Refuse").take(slotEnd, "Refuse").take(slotHead, "Refuse")
	r.plan.Refuse = true
	return r
}

// LoseResponse lets the fake act and resets the connection in place of the answer: the client cannot know.
func (r Rule) LoseResponse() Rule {
	r = r.said("LoseResponse()").take(slotConnection, "LoseResponse").take(slotReply, "LoseResponse").take(slotEnd, "LoseResponse")
	r.plan.LoseResponse = true
	return r
}

// ExpireToken ends the validity of the access token the request came with, before the fake looks at it. Fakes whose
// provider knows no access tokens refuse the rule.
func (r Rule) ExpireToken() Rule {
	r = r.said("ExpireToken()").take(slotToken, "ExpireToken")
	r.plan.ExpireToken = true
	return r
}

// DuplicateDelivery sends the callbacks it hits twice. Fakes that send no callbacks refuse the rule.
func (r Rule) DuplicateDelivery() Rule {
	r = r.said("DuplicateDelivery()").take(slotDelivery, "DuplicateDelivery")
	r.plan.DuplicateDelivery = true
	return r
}

// Reorder holds the callbacks it hits back until the next one was sent. Fakes that send no callbacks refuse the rule.
func (r Rule) Reorder() Rule {
	r = r.said("Reorder()").take(slotDelivery, "Reorder")
	r.plan.Reorder = true
	return r
}

// take reserves a part of the answer for an effect; two effects on one part are a mistake.
func (r Rule) take(slot, effect string) Rule {
	slots := make(map[string]string, len(r.slots)+1)
	for k, v := range r.slots {
		slots[k] = v
	}
	if before, taken := slots[slot]; taken && effect != "" {
		return r.mistake(effect + " and " + before + " both decide " + slot)
	}
	slots[slot] = effect
	r.slots = slots
	return r
}

func (r Rule) reply(effect string, code int, contentType string, body []byte) Rule {
	r = r.take(slotReply, effect)
	if code < 200 || code > 599 {
		return r.mistake(effect + " needs a status from 200 to 599")
	}
	header := make(http.Header)
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	r.plan.Reply = &Reply{Status: code, Header: header, Body: append([]byte(nil), body...)}
	return r
}

func (r Rule) setHeader(name, value string) Rule {
	header := r.plan.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	header.Set(name, value)
	r.plan.Header = header
	return r
}

func (r Rule) pace(effect string, bytesPerChunk int, every time.Duration) Rule {
	r = r.take(slotPace, effect)
	if bytesPerChunk < 1 || every <= 0 {
		return r.mistake(effect + " needs at least 1 byte and a positive duration")
	}
	r.plan.ChunkBytes, r.plan.ChunkEvery = bytesPerChunk, every
	return r
}

func (r Rule) end(effect string, how Ending, after int64) Rule {
	r = r.take(slotEnd, effect)
	r.plan.Ending, r.plan.EndAfter = how, after
	return r
}
