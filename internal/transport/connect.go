package transport

import (
	"crypto/tls"
	"net/http"
	"slices"

	"github.com/identkit/identkit"
)

// checkConnections refuses options of the connections that could not work or would weaken them without saying so. A lower minimum than
// TLS 1.2 is refused rather than raised: who asks for it has a server that would then fail every handshake.
func checkConnections(o identkit.Options, check *Check) {
	check.Usable("Options.Limiter", o.Limiter)
	check.Usable("Options.Notifier", o.Notifier)
	if hc := o.HTTPClient; hc != nil {
		check.Usable("Options.HTTPClient.Transport", hc.Transport)
		check.Usable("Options.HTTPClient.Jar", hc.Jar)
		check.That(o.TLS == nil, "Options.TLS", "is set beside HTTPClient: leave HTTPClient out, or set TLSClientConfig of its transport")
		check.That(o.Proxy == nil, "Options.Proxy", "is set beside HTTPClient: leave HTTPClient out, or set Proxy of its transport")
	}
	t := o.TLS
	if t == nil {
		return
	}
	const field = "Options.TLS."
	check.That(t.MinVersion == 0 || t.MinVersion >= tls.VersionTLS12, field+"MinVersion", "is lower than TLS 1.2")
	check.That(t.MaxVersion == 0 || t.MaxVersion >= tls.VersionTLS12, field+"MaxVersion", "is lower than TLS 1.2")
	check.That(t.MaxVersion == 0 || t.MaxVersion >= t.MinVersion, field+"MaxVersion", "is lower than MinVersion")
	check.That(!t.InsecureSkipVerify || t.VerifyConnection != nil, field+"InsecureSkipVerify",
		"is set without VerifyConnection: credentials would go to whoever responds; see identkit.VerifyRoots")
	for _, p := range t.NextProtos {
		check.That(p == protoHTTP2 || p == protoHTTP1, field+"NextProtos", "names a protocol other than h2 and http/1.1")
	}
}

const protoHTTP1, protoHTTP2 = "http/1.1", "h2"

// connectAs makes the connections of our own pool those that the options ask for. host is that of the base URL.
func connectAs(t *http.Transport, o identkit.Options, host string) {
	if o.Proxy != nil {
		t.Proxy = o.Proxy
	}
	if o.TLS == nil {
		return
	}
	own := o.TLS.Clone()
	own.MinVersion = max(own.MinVersion, tls.VersionTLS12)
	if verify := own.VerifyConnection; verify != nil {
		own.VerifyConnection = func(s tls.ConnectionState) error {
			if s.ServerName == "" { // as crypto/tls has it for an IP address; a certificate for any host would then pass
				s.ServerName = host
			}
			return verify(s)
		}
	}
	t.TLSClientConfig = own
	if protos := own.NextProtos; len(protos) > 0 { // net/http alone would offer HTTP/2 whatever they are
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP1(slices.Contains(protos, protoHTTP1))
		t.Protocols.SetHTTP2(slices.Contains(protos, protoHTTP2))
	}
}
