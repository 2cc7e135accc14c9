package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/examples/backend/service"
)

// backend is the service with its surroundings: the clients of what is configured, fakes of what is not, and the simulated users of these.
type backend struct {
	http.Handler
	service *service.Service
	phones  *phones
	faces   *faces
	goods   *goods
}

func newBackend(opts identkit.Options, logger *slog.Logger) (*backend, error) {
	phones, errPhones := newPhones(opts)
	faces, errFaces := newFaces(opts)
	goods, errGoods := newGoods(opts)
	if err := errors.Join(errPhones, errFaces, errGoods); err != nil {
		return nil, err
	}
	s, err := service.New(service.Config{PowerAuth: phones.config, IProov: faces.config, Entrupy: goods.config, Logger: logger})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", s)
	phones.connect(mux, s)
	faces.connect(mux)
	goods.connect(s)
	return &backend{mux, s, phones, faces, goods}, nil
}

// onFakes reports whether nothing real is configured.
func (b *backend) onFakes() bool {
	return b.phones.fake != nil && b.faces.fake != nil && b.goods.fake != nil
}

func (b *backend) close() {
	b.phones.close()
	b.faces.close()
	b.goods.close()
}

// simulate is an endpoint for simulated phones and apps: 409 when the fake refuses what they do.
func simulate[In any](do func(In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		err := json.NewDecoder(r.Body).Decode(&in)
		var out any
		if err == nil {
			out, err = do(in)
		}
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusConflict)
		case out == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(out) // the client is gone: nothing to be done
		}
	}
}
