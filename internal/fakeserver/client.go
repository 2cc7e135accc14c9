package fakeserver

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/identkit/identkit"
)

// Adjusted returns the zero options of a fake with a caller's changes.
func Adjusted[O any](adjust []func(*O)) O {
	var opts O
	for _, f := range adjust {
		f(&opts)
	}
	return opts
}

// Serve gives the fake a loopback socket for one test.
func (s *Server) Serve(tb testing.TB) {
	tb.Helper()
	s.tb = tb
	if err := s.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
}

// Reach completes the options of a client so that it reaches the fake, over the socket if there is one, and its first retry waits a
// millisecond at most. Waits read again when the fake notifies. Options that are set stay.
func (s *Server) Reach(o *identkit.Options) {
	if o.Notifier == nil {
		o.Notifier = &s.notifier
	}
	o.Retry.InitialBackoff = cmp.Or(o.Retry.InitialBackoff, time.Millisecond)
	switch pool := s.RootCAs(); {
	case o.HTTPClient != nil:
	case s.started() == nil:
		o.HTTPClient = &http.Client{Transport: s.Transport()}
	case pool != nil && o.TLS == nil:
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		o.HTTPClient = &http.Client{Transport: own}
	}
}

// NewClient makes a client of the fake, which is closed at the end of the test. A caller who replaces the options still reaches the fake.
// An invalid configuration ends the test; without a test it panics.
func NewClient[Config any, Client interface{ CloseIdleConnections() }](s *Server, cfg Config, options func(*Config) *identkit.Options, make func(Config) (Client, error), adjust []func(*Config)) Client {
	s.Reach(options(&cfg))
	for _, f := range adjust {
		f(&cfg)
	}
	s.Reach(options(&cfg))
	client, err := make(cfg)
	switch {
	case s.tb == nil && err != nil:
		panic(s.config.Name + ": " + err.Error())
	case s.tb == nil:
	case err != nil:
		s.tb.Helper()
		s.tb.Fatalf("%s: %v", s.config.Name, err)
	default:
		s.tb.Cleanup(client.CloseIdleConnections)
	}
	return client
}
