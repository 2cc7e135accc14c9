package main

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/identkit/identkit"
)

// service is one part for each provider.
type service struct {
	mobile *mobile
	faces  *faces
}

func newService(opts identkit.Options) (*service, error) {
	mobile, errMobile := newMobile(opts)
	faces, errFaces := newFaces(opts)
	s := &service{mobile, faces}
	if err := errors.Join(errMobile, errFaces); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// onFakes reports whether nothing real is configured.
func (s *service) onFakes() bool { return s.mobile.fake != nil && s.faces.fake != nil }

func (s *service) close() {
	if s.mobile != nil {
		s.mobile.close()
	}
	if s.faces != nil {
		s.faces.close()
	}
}

func (s *service) handler(logger *slog.Logger) http.Handler {
	rt := router{http.NewServeMux(), logger}
	rt.on("GET /healthz", func(http.ResponseWriter, *http.Request) (response, error) {
		return response{http.StatusOK, map[string]string{"status": "UP"}}, nil
	})
	s.mobile.routes(rt)
	s.faces.routes(rt)
	return logged(rt, logger)
}
