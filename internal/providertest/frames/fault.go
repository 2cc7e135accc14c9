package frames

import "fmt"

// Fault is what happens to a request in place of a response.
type Fault struct {
	Name string
	Do   Script
	// Unprocessed says that the protocol proves that the server did not process the request.
	Unprocessed bool
	// Early says that it happens to the first connection, before a request; the request may arrive over another one.
	Early bool
}

// On is a script for one moment.
func On(m Moment, do Script) Script {
	return func(x *Exchange) {
		if x.At == m {
			do(x)
		}
	}
}

// Then is a script that does one thing to the first request and another to later ones.
func Then(first, later Script) Script {
	return func(x *Exchange) {
		if x.N == 1 {
			first(x)
		} else {
			later(x)
		}
	}
}

// Early is a script that does one thing to the first connection, and another to the requests over later ones.
func Early(connection, request Script) Script {
	return func(x *Exchange) {
		if x.At != Connected {
			request(x)
		} else if x.N == 1 {
			connection(x)
		}
	}
}

// Responds is a script that responds to whole requests.
func Responds(status int, body string) Script {
	return On(Whole, func(x *Exchange) { x.Respond(status, body) })
}

const (
	responseBody = `{"made":"up","by":"a test"}`
	unassigned   = 0xbadc0de
	lastStream   = 1<<31 - 1
)

// misleading are texts by which net/http says that a request was not processed.
var misleading = []string{"http2: Transport: cannot retry err [REFUSED_STREAM]", "net/http: cannot rewind body after connection loss", "http2: Transport received GOAWAY from server ErrCode:NO_ERROR"}

var moments = map[Moment]string{Begun: "inside the request's header", Header: "after the request's header", Whole: "after the request"}

// Faults are the faults of a protocol.
func Faults(p Protocol) []Fault {
	if p == HTTP1 {
		return append(faults1(), connectionFaults()...)
	}
	var list []Fault
	for code := range HTTP11 + 1 {
		list = append(list, resets(code)...)
	}
	list = append(list, resets(unassigned)...)
	for _, code := range []uint32{NoError, ProtocolError, unassigned} {
		list = append(list, goAways(code)...)
	}
	return append(append(list, faults2()...), connectionFaults()...)
}

// Few are those that tell implementations of a protocol apart.
func Few(p Protocol) []Fault {
	if p == HTTP1 {
		return connectionFaults()
	}
	list := append(resets(ProtocolError), resets(RefusedStream)...)
	return append(append(list, goAways(NoError)...), connectionFaults()...)
}

// resets are resets of the stream.
func resets(code uint32) (list []Fault) {
	for m, when := range moments {
		list = append(list, Fault{Name: fmt.Sprintf("reset with code %d %s", code, when), Unprocessed: code == RefusedStream, Do: On(m, func(x *Exchange) { x.Reset(code) })})
	}
	return append(list, Fault{Name: fmt.Sprintf("reset with code %d in the response", code), Do: On(Whole, func(x *Exchange) {
		x.RespondHalf(200, responseBody)
		x.Reset(code)
	})})
}

// goAways are GOAWAYs below the stream, from its first byte on, and above it, after which the connection ends.
func goAways(code uint32) (list []Fault) {
	name := func(what string) string { return fmt.Sprintf("GOAWAY with code %d %s", code, what) }
	for m, when := range moments {
		list = append(list, Fault{Name: name("without a stream, " + when), Unprocessed: true, Do: On(m, func(x *Exchange) { x.GoAway(0, code, "") })})
	}
	return append(list,
		Fault{Name: name("below the stream"), Unprocessed: true, Do: On(Whole, func(x *Exchange) { x.GoAway(x.Stream-1, code, "") })},
		Fault{Name: name("announced, then below the stream"), Unprocessed: true, Do: On(Whole, func(x *Exchange) {
			x.GoAway(lastStream, NoError, "")
			x.GoAway(x.Stream-1, code, "")
		})},
		Fault{Name: name("that covers the stream"), Do: On(Whole, func(x *Exchange) {
			x.GoAway(x.Stream, code, "")
			_ = x.Close()
		})},
		Fault{Name: name("that covers all streams"), Do: On(Header, func(x *Exchange) {
			x.GoAway(lastStream, code, "")
			_ = x.Close()
		})},
		Fault{Name: name("in the response"), Do: On(Whole, func(x *Exchange) {
			x.RespondHalf(200, responseBody)
			x.GoAway(0, code, "")
			_ = x.Close()
		})},
	)
}

// faults2 are malformed responses of HTTP/2.
func faults2() []Fault {
	list := []Fault{
		{Name: "reset inside the response's header", Do: On(Whole, func(x *Exchange) {
			x.Frame(Headers, 0, Status(200)...)
			x.Reset(RefusedStream)
		})},
		{Name: "connection closed inside the response's header", Do: On(Whole, func(x *Exchange) {
			x.Frame(Headers, 0, Status(200)...)
			_ = x.Close()
		})},
		{Name: "response without a status", Do: On(Whole, func(x *Exchange) { x.Frame(Headers, EndHeaders|EndStream) })},
		{Name: "response of HTTP/1.1", Do: On(Whole, func(x *Exchange) {
			_, _ = x.Write([]byte("HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"))
			_ = x.Close()
		})},
		{Name: "window of nothing", Do: On(Whole, func(x *Exchange) { x.Frame(WindowUpdate, 0, 0, 0, 0, 0) })},
		{Name: "header that cannot be decoded", Do: On(Whole, func(x *Exchange) { x.Frame(Headers, EndHeaders|EndStream, 0xff, 0xff, 0xff, 0xff) })},
	}
	for _, text := range misleading {
		list = append(list, Fault{Name: "debug data: " + text, Do: On(Whole, func(x *Exchange) {
			x.GoAway(x.Stream, InternalError, text)
			_ = x.Close()
		})})
	}
	return list
}

// faults1 are malformed responses of HTTP/1.1.
func faults1() []Fault {
	list := []Fault{{Name: "connection closed in the response's body", Do: On(Whole, func(x *Exchange) {
		x.RespondHalf(200, responseBody)
		_ = x.Close()
	})}}
	for _, text := range append([]string{"HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Len", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"}, misleading...) {
		list = append(list, Fault{Name: fmt.Sprintf("connection closed after %q", text), Do: On(Whole, func(x *Exchange) {
			_, _ = x.Write([]byte(text))
			_ = x.Close()
		})}, Fault{Name: fmt.Sprintf("status line of %q", text), Do: On(Whole, func(x *Exchange) {
			_, _ = x.Write([]byte("HTTP/1.1 " + text + "\r\n\r\n"))
			_ = x.Close()
		})})
	}
	return list
}

// connectionFaults are ends of the connection.
func connectionFaults() (list []Fault) {
	for m, when := range map[Moment]string{Connected: "at once", Begun: moments[Begun], Header: moments[Header], Whole: moments[Whole]} {
		list = append(list,
			Fault{Name: "connection closed " + when, Early: m == Connected, Do: On(m, func(x *Exchange) { _ = x.Close() })},
			Fault{Name: "connection reset " + when, Early: m == Connected, Do: On(m, func(x *Exchange) { x.Abort() })})
		if m != Connected { // net/http prints what comes before a request
			list = append(list, Fault{Name: "garbage " + when, Do: On(m, func(x *Exchange) {
				_, _ = x.Write([]byte("garbage, also as frames\r\n\r\n"))
				_ = x.Close()
			})})
		}
	}
	return list
}
