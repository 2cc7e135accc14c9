package service

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func TestTheStoreOfJourneysComparesAndSwaps(t *testing.T) {
	store := newJourneys()
	load := func(_ context.Context, key string) (*iproov.Journey, error) {
		if j := store.load(key); j != nil {
			return j, nil
		}
		return nil, errors.New("no such journey")
	}
	iproovtest.RunJourneyTests(t, iproovtest.JourneyStore{Save: store.save, Load: load})
}

func TestAnAppThatRepeatsItsRequestsGetsOneVerdict(t *testing.T) {
	h := onFakes(t)
	post := func(path, body string, into any) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
		if into != nil {
			require.NoError(t, json.Unmarshal(rec.Body.Bytes(), into))
		}
		return rec
	}
	h.iProov.AddUser("bob", iproov.UserActive)
	var first, second struct{ ID string }
	require.Equal(t, http.StatusCreated, post("/faces/journeys", `{"userId":"bob","purpose":"login"}`, &first).Code)
	require.Equal(t, http.StatusCreated, post("/faces/journeys", `{"userId":"bob","purpose":"login"}`, &second).Code)
	require.NotEmpty(t, first.ID)
	assert.Equal(t, first, second, "attempts cannot be had by beginning again")

	journey := "/faces/journeys/bob/login/" + first.ID
	var launch iproov.Launch
	require.Equal(t, http.StatusCreated, post(journey+"/attempts", `{"platform":"web"}`, &launch).Code)
	require.NoError(t, h.iProov.Complete(launch.Token, iproovtest.Pass()))
	finish := `{"token":"` + string(launch.Token) + `"}`
	req := func() *http.Request {
		r := httptest.NewRequest(http.MethodPost, journey+"/finish", strings.NewReader(finish))
		r.Header.Set("User-Agent", "app")
		return r
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, req())
			if rec.Code == http.StatusOK {
				assert.Contains(t, rec.Body.String(), `"passed":true`)
				return
			}
			assert.Equal(t, http.StatusConflict, rec.Code)
			assert.Equal(t, "1", rec.Header().Get("Retry-After"))
		})
	}
	all.Wait()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req())
	assert.Equal(t, http.StatusOK, rec.Code)
	assert.Equal(t, 1, h.iProov.Journal().Count("iproov.Verify.Validate"))

	require.Equal(t, http.StatusCreated, post("/faces/journeys", `{"userId":"bob","purpose":"login"}`, &second).Code)
	assert.NotEqual(t, first.ID, second.ID, "a journey that is final stays final")
	assert.Equal(t, http.StatusNotFound, post("/faces/journeys/bob/login/other/attempts", `{"platform":"web"}`, nil).Code)
}
