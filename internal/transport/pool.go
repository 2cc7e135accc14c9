package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func baseURL(field, text string, plain bool, check *Check) *url.URL {
	u := check.URL(field, text, "https", "http")
	if u == nil {
		return nil
	}
	switch {
	case u.User != nil:
		check.Refuse(field, "must not hold credentials")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		check.Refuse(field, "must hold neither a query nor a fragment")
	case u.Scheme == "http" && !plain && !isLoopback(u.Hostname()):
		check.Refuse(field, "must be https:// outside loopback (Options.AllowPlainHTTP allows http://)")
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part == "." || part == ".." {
			check.Refuse(field, "must not contain . or .. as a path part")
			break
		}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/"), RawPath: strings.TrimRight(u.RawPath, "/")}
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// pooled is the transport of clients who bring none. Its pool is sized for hundreds of goroutines against one host. It has no
// ResponseHeaderTimeout: the attempt's timeout, which is never off, covers the header and everything else.
func pooled() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second}
	}
	t.DialContext = paced(t.DialContext)
	namesRefusals(t)
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = 1024
	t.IdleConnTimeout = 90 * time.Second
	t.MaxResponseHeaderBytes = 1 << 20
	// HTTP/2 connections are asked for a sign of life when nothing came in for a while.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second}
	t.ExpectContinueTimeout = time.Second
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = new(tls.Config)
	}
	t.TLSClientConfig.MinVersion = max(t.TLSClientConfig.MinVersion, tls.VersionTLS12)
	dropSurplus(t)
	return t
}

var errServed = errors.New("transport: the attempt has a connection already")

const (
	dialsAtOnce  = 16
	dialPatience = 5 * time.Millisecond
)

// paced dials a few connections at a time, and none for an attempt that has meanwhile got one which another attempt returned.
// net/http starts a dial for every attempt that finds no idle connection; in a burst against a fast server most of these
// connections come too late and are surplus. Pacing never holds a dial back for longer than dialPatience, so that a slow
// network costs no more than that.
func paced(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	slots := make(chan struct{}, dialsAtOnce)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		patience := time.NewTimer(dialPatience)
		defer patience.Stop()
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-patience.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if a, ok := ctx.Value(attemptKey{}).(*attempt); ok && a.has.Load() {
			return nil, errServed // nothing waits for this connection
		}
		return dialConn(ctx, dial, network, addr)
	}
}
