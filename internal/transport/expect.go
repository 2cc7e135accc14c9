package transport

import "net/http"

// askFrom is the size from which the body of a one-time operation asks first: a server that refuses it early then does not reset a
// connection that is being written to, with which its response would be lost.
const askFrom = 1 << 20

var expectContinue = []string{"100-continue"}

// askFirst asks for the body with Expect: 100-continue, unless the server is known to let the question pass.
func (a *attempt) askFirst() {
	a.asks = a.once && a.out.Body.length >= askFrom && !a.call.client.noExpect.Load()
	if a.asks {
		a.out.Header["Expect"] = expectContinue
	} else {
		delete(a.out.Header, "Expect")
	}
}

func (p *progress) got100() { p.agreed.Store(true) }

// bodyBegins is called when the first byte of the body is wanted: either the server asked for it, or it let the question pass.
func (a *attempt) bodyBegins() {
	a.watch.upload()
	if a.asks && !a.agreed.Load() {
		a.call.client.noExpect.Store(true)
	}
}

// refusedToAsk reports whether a response says that the server does not know the question. The body was not sent then.
func (a *attempt) refusedToAsk() bool {
	if !a.asks || a.call.status != http.StatusExpectationFailed {
		return false
	}
	a.call.client.noExpect.Store(true)
	return true
}
