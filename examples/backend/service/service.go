// Package service is a backend on identkit, to be copied into one's own: a customer's backend that registers phones and gets payments
// approved through PowerAuth, knows its users' faces through iProov, and offers goods that Entrupy found authentic. There is a file for each provider, with its endpoints, its
// wiring and what it stores; the stores are in memory, and say what they would be in a database.
//
// Nothing here knows of fakes, flags or environment variables: that is the program's, see the command in the directory above.
package service

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
)

// Config is what the program knows and the service needs.
type Config struct {
	PowerAuth PowerAuthConfig
	IProov    IProovConfig
	Entrupy   EntrupyConfig

	Logger *slog.Logger // nil disables it
}

// Service is the handler of the whole HTTP API.
type Service struct {
	handler http.Handler
	mobile  *mobile
	goods   *goods
}

// New makes a service. It does no I/O.
func New(cfg Config) (*Service, error) {
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	mobile, errMobile := newMobile(cfg.PowerAuth, cfg.Logger)
	goods, errGoods := newGoods(cfg.Entrupy, cfg.Logger)
	if err := errors.Join(errMobile, errGoods); err != nil {
		return nil, err
	}
	rt := router{http.NewServeMux(), cfg.Logger}
	rt.on("GET /healthz", func(http.ResponseWriter, *http.Request) (response, error) {
		return response{http.StatusOK, map[string]string{"status": "UP"}}, nil
	})
	rt.on("/", func(http.ResponseWriter, *http.Request) (response, error) { // where a web app would have its pages
		return response{}, refuse(http.StatusNotFound, "not found")
	})
	mobile.routes(rt)
	newFaces(cfg.IProov).routes(rt)
	goods.routes(rt)
	return &Service{logged(rt, cfg.Logger), mobile, goods}, nil
}

// ServeHTTP implements [http.Handler].
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close waits for the work on what the providers delivered. Call it after http.Server.Shutdown.
func (s *Service) Close(ctx context.Context) error {
	return errors.Join(s.mobile.payments.callbacks.Close(ctx), s.goods.deliveries.Close(ctx))
}
