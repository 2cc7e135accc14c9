// Command backend runs package service, a backend on identkit that registers phones and gets payments approved through PowerAuth, knows its
// users' faces through iProov, and offers goods that Entrupy found authentic. What one copies into one's own backend is that package; here
// are the fakes, the simulated users and the walk.
//
// Without configuration it runs on the embedded fakes, walks its own HTTP API from end to end, prints what happened, and exits 0
// only if every step succeeded:
//
//	go run ./examples/backend
//
// With -serve it keeps running. With POWERAUTH_BASE_URL, POWERAUTH_USERNAME and POWERAUTH_PASSWORD it serves against a real
// deployment of PowerAuth, with IPROOV_REGION, IPROOV_API_KEY, IPROOV_SECRET, IPROOV_OAUTH_USERNAME and IPROOV_OAUTH_PASSWORD against
// iProov, and with ENTRUPY_TOKEN against Entrupy; what is not configured stays on its fake. BACKEND_CALLBACK_PASSWORD is what PowerAuth
// sends with callbacks to /callbacks/powerauth, for the user "powerauth". BACKEND_ENTRUPY_WEBHOOK_SECRET is that of the subscription whose
// deliveries come to /webhooks/entrupy, BACKEND_ENTRUPY_DOMAIN_ID and BACKEND_ENTRUPY_DOMAIN_TOKEN verify its domain. There are no logins
// here: with a real Entrupy nobody is logged in, until service.EntrupyConfig.User knows the sessions of your backend. BACKEND_ADDR is the address to listen on, BACKEND_LOG_LEVEL one of debug, info, warn and error.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/identkit/identkit"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "backend:", err)
		}
		os.Exit(1) //nolint:gocritic // stop has nothing left to do
	}
}

// run is main without the process around it.
func run(ctx context.Context, args []string, out, logs io.Writer) error {
	flags := flag.NewFlagSet("backend", flag.ContinueOnError)
	flags.SetOutput(logs)
	serve := flags.Bool("serve", false, "keep running instead of walking through the API once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	logger, err := newLogger(logs, *serve)
	if err != nil {
		return err
	}
	b, err := newBackend(identkit.Options{Logger: logger, UserAgent: "example-backend"}, logger)
	if err != nil {
		return err
	}
	defer b.close()

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(os.Getenv("BACKEND_ADDR"), "127.0.0.1:0"))
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           b,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		// Longer than a call to a provider may take, so that its error reaches the client.
		WriteTimeout: 150 * time.Second,
		IdleTimeout:  2 * time.Minute,
		ErrorLog:     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	base := "http://" + listener.Addr().String()
	logger.Info("listening", "url", base, "fakes", b.onFakes())

	if *serve || !b.onFakes() {
		select {
		case err = <-failed:
			return err
		case <-ctx.Done():
		}
	} else {
		err = walk(ctx, base, b, out)
	}
	logger.Info("shutting down")
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, srv.Shutdown(grace), b.service.Close(grace))
}

// newLogger is quieter for the walk, whose transcript shows refusals.
func newLogger(w io.Writer, serve bool) (*slog.Logger, error) {
	level := slog.LevelError
	if serve {
		level = slog.LevelInfo
	}
	if text := os.Getenv("BACKEND_LOG_LEVEL"); text != "" {
		if err := level.UnmarshalText([]byte(text)); err != nil {
			return nil, fmt.Errorf("BACKEND_LOG_LEVEL: %w", err)
		}
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})), nil
}
