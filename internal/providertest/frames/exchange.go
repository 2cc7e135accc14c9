package frames

import (
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
)

// Moment is how far a request has arrived.
type Moment int

// The moments.
const (
	Connected Moment = iota // there is a connection, and no request yet
	Begun                   // the beginning of the header has arrived
	Header                  // the header
	Whole                   // all of it
)

// Exchange is a request at a moment, and what can be done to it.
type Exchange struct {
	net.Conn
	HTTP2  bool
	Stream uint32 // of HTTP/2; 0 for the connection
	N      int    // which request, or connection, it is since Play: from 1
	At     Moment

	tcp    net.Conn
	closed *bool
	ended  bool
}

func (x *Exchange) at(m Moment, script Script) {
	x.At = m
	script(x)
}

// The kinds of frames.
const (
	Data         byte = 0x0
	Headers      byte = 0x1
	RSTStream    byte = 0x3
	Settings     byte = 0x4
	Ping         byte = 0x6
	GoAwayFrame  byte = 0x7
	WindowUpdate byte = 0x8
	Continuation byte = 0x9
)

// The flags of frames.
const (
	Ack        byte = 0x1 // of Settings and Ping
	EndStream  byte = 0x1
	EndHeaders byte = 0x4
)

// The error codes of RFC 9113 that mean something to these tests. The highest one that is assigned is 0xd.
const (
	NoError       uint32 = 0x0
	ProtocolError uint32 = 0x1
	InternalError uint32 = 0x2
	RefusedStream uint32 = 0x7
	Cancel        uint32 = 0x8
	HTTP11        uint32 = 0xd
)

const frameHeader = 9

func parse(head []byte) (length int, kind, flags byte, stream uint32) {
	return int(head[0])<<16 | int(head[1])<<8 | int(head[2]), head[3], head[4], binary.BigEndian.Uint32(head[5:])
}

// Frame writes a frame of the request's stream.
func (x *Exchange) Frame(kind, flags byte, payload ...byte) {
	n := len(payload)
	head := binary.BigEndian.AppendUint32([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}, x.Stream)
	_, _ = x.Write(append(head, payload...))
}

// Reset resets the stream, or the connection of HTTP/1.1.
func (x *Exchange) Reset(code uint32) {
	if !x.HTTP2 {
		x.Abort()
		return
	}
	x.Frame(RSTStream, 0, binary.BigEndian.AppendUint32(nil, code)...)
}

// GoAway writes a GOAWAY frame.
func (x *Exchange) GoAway(last, code uint32, debug string) {
	of := Exchange{Conn: x.Conn}
	of.Frame(GoAwayFrame, 0, append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, last), code), debug...)...)
}

// Respond writes a response.
func (x *Exchange) Respond(status int, body string) {
	x.respond(status, len(body))
	if x.HTTP2 {
		x.Frame(Data, EndStream, []byte(body)...)
	} else {
		_, _ = x.Write([]byte(body))
	}
}

// RespondHalf writes a response that lacks the end of its body.
func (x *Exchange) RespondHalf(status int, body string) {
	x.respond(status, len(body))
	if half := []byte(body[:len(body)/2]); x.HTTP2 {
		x.Frame(Data, 0, half...)
	} else {
		_, _ = x.Write(half)
	}
}

func (x *Exchange) respond(status, length int) {
	if x.HTTP2 {
		x.Frame(Headers, EndHeaders, Status(status)...)
	} else {
		_, _ = fmt.Fprintf(x, "HTTP/1.1 %d Status\r\nContent-Length: %d\r\n\r\n", status, length)
	}
}

// Status is a header of HTTP/2 with nothing but a status: a literal value of a name in the static table.
func Status(status int) []byte { return append([]byte{0x08, 0x03}, strconv.Itoa(status)...) }

// Close ends the connection. What the server had received by then does not arrive any more.
func (x *Exchange) Close() error {
	*x.closed = true
	return x.Conn.Close()
}

// Abort ends the connection with a reset.
func (x *Exchange) Abort() {
	*x.closed = true
	if t, ok := x.tcp.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = x.tcp.Close()
}
