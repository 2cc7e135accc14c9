package main

import (
	"net/http"

	"github.com/identkit/identkit"
)

// feature is what one provider adds to the service.
type feature interface {
	routes(mux *http.ServeMux)
	// walk plays a user's part through the service's own API. It is called only on fakes.
	walk(w *walker)
	onFake() bool
	close()
}

type features []feature

func newFeatures(opts identkit.Options) (features, error) {
	pa, err := newPowerAuth(opts)
	if err != nil {
		return nil, err
	}
	face, err := newIProov(opts)
	if err != nil {
		pa.close()
		return nil, err
	}
	return features{pa, face}, nil
}

// onFakes reports whether nothing real is configured.
func (fs features) onFakes() bool {
	for _, f := range fs {
		if !f.onFake() {
			return false
		}
	}
	return true
}

func (fs features) close() {
	for _, f := range fs {
		f.close()
	}
}
