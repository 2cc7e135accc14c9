package service

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/identkit/identkit/iproov"
)

// IProovConfig is what the service needs for iProov.
type IProovConfig struct {
	Client *iproov.Client
}

// faces uses iProov: users enrol their faces, and show that they are there.
type faces struct {
	client   *iproov.Client
	journeys *journeys
}

func newFaces(cfg IProovConfig) *faces { return &faces{cfg.Client, newJourneys()} }

func (f *faces) routes(rt router) {
	rt.on("POST /faces/journeys", withBody(f.begin))
	rt.on("POST /faces/journeys/{user}/{purpose}/{id}/attempts", withBody(f.attempt))
	rt.on("POST /faces/journeys/{user}/{purpose}/{id}/finish", withBody(f.finish))
	rt.on("POST /faces/photos/{user}", f.enrolPhoto)
	rt.on("GET /faces/users/{user}", f.user)
	rt.on("DELETE /faces/users/{user}", f.remove)
}

// modes say what each purpose does.
var modes = map[string]iproov.JourneyMode{"onboarding": iproov.JourneyEnrol, "login": iproov.JourneyVerify}

type beginBody struct {
	UserID  iproov.UserID `json:"userId"`
	Purpose string        `json:"purpose"`
}

// begin starts a journey, a user's way to a verdict for one purpose, or goes on with the user's last one.
func (f *faces) begin(_ *http.Request, in beginBody) (response, error) {
	// The service decides what a purpose does, never the app: who enrols a face under a user's id is that user from then on.
	mode, known := modes[in.Purpose]
	if !known || in.UserID == "" {
		return response{}, refuse(http.StatusBadRequest, "invalid request", "purpose must be onboarding or login, userId must be there")
	}
	// There are three attempts for each login. How many logins may fail in a row is for the service to decide.
	j := f.journeys.begin(&iproov.Journey{ID: rand.Text(), UserID: in.UserID, Purpose: in.Purpose, Mode: mode})
	if j == nil {
		return response{}, refuse(http.StatusInternalServerError, "internal error")
	}
	return response{http.StatusCreated, map[string]any{"id": j.ID, "attemptsLeft": j.AttemptsLeft()}}, nil
}

// journey loads the path's journey.
func (f *faces) journey(r *http.Request) (*iproov.Journey, error) {
	wanted := iproov.Journey{ID: r.PathValue("id"), UserID: iproov.UserID(r.PathValue("user")), Purpose: r.PathValue("purpose")}
	j := f.journeys.load(wanted.Key())
	if j == nil {
		return nil, refuse(http.StatusNotFound, "no such journey")
	}
	return j, nil
}

type attemptBody struct {
	Platform iproov.Platform `json:"platform"`
}

// attempt gives the app what it needs to start a scan.
func (f *faces) attempt(r *http.Request, in attemptBody) (response, error) {
	if !in.Platform.Known() {
		return response{}, refuse(http.StatusBadRequest, "invalid request", "platform is not one of the SDKs'")
	}
	j, err := f.journey(r)
	if err != nil {
		return response{}, err
	}
	claim, err := f.client.Journeys.Begin(r.Context(), j, iproov.BeginParams{Save: f.journeys.save})
	if err != nil {
		return response{}, inProgress(err)
	}
	return response{http.StatusCreated, f.client.Launch(claim, in.Platform)}, nil
}

type finishBody struct {
	Token iproov.ClaimToken `json:"token"`
}

// finish fetches the verdict when the app reports the end of the scan. An app that reports it again gets the same verdict.
func (f *faces) finish(r *http.Request, in finishBody) (response, error) {
	j, err := f.journey(r)
	if err != nil {
		return response{}, err
	}
	// A verdict can be fetched once: it must not be lost with an app that hangs up.
	v, err := f.client.Journeys.Finish(context.WithoutCancel(r.Context()), j, iproov.FinishParams{
		Token: in.Token, Client: r.UserAgent(), Save: f.journeys.save,
	})
	if err != nil {
		return response{}, inProgress(err)
	}
	return response{http.StatusOK, map[string]any{"passed": v.Passed, "reason": v.Reason, "attemptsLeft": j.AttemptsLeft()}}, nil
}

// inProgress asks an app to come back when another request of it is at work.
func inProgress(err error) error {
	if errors.Is(err, iproov.ErrInProgress) {
		return problem{status: http.StatusConflict, retryAfter: time.Second, Text: "in progress"}
	}
	return err
}

// enrolPhoto enrols a user from a trusted photo, which streams through.
func (f *faces) enrolPhoto(_ http.ResponseWriter, r *http.Request) (response, error) {
	user := iproov.UserID(r.PathValue("user"))
	if r.ContentLength <= 0 {
		return response{}, refuse(http.StatusLengthRequired, "the photo's length is needed")
	}
	claim, err := f.client.Enrol.CreateToken(r.Context(), iproov.CreateTokenParams{UserID: user, Resource: "onboarding"})
	if err != nil {
		return response{}, err
	}
	_, err = f.client.Enrol.Image(r.Context(), iproov.EnrolImageParams{
		Token: claim.Token, UserID: user, Source: iproov.SourceEID, Image: r.Body, Size: r.ContentLength,
	})
	return response{}, err
}

func (f *faces) user(_ http.ResponseWriter, r *http.Request) (response, error) {
	u, err := f.client.Users.Get(r.Context(), iproov.UserID(r.PathValue("user")))
	if err != nil {
		return response{}, err
	}
	return response{http.StatusOK, map[string]any{"userId": u.ID, "status": u.Status}}, nil
}

func (f *faces) remove(_ http.ResponseWriter, r *http.Request) (response, error) {
	return response{}, f.client.Users.DeleteIfExists(r.Context(), iproov.UserID(r.PathValue("user")))
}

// journeys would be a table of the team's database, with a column each for what is a field here. It holds rows, not pointers, so that
// each request works on a copy of its own.
type journeys struct {
	mu     sync.Mutex
	rows   map[string]row
	latest map[string]string // keys of journeys, by user and purpose
}

type row struct {
	revision int
	data     []byte
}

func newJourneys() *journeys {
	return &journeys{rows: make(map[string]row), latest: make(map[string]string)}
}

// begin stores a new journey and returns it, or the last one of the user for the purpose while it has attempts left: a journey that
// could be left for a new one would have no end of attempts.
func (t *journeys) begin(j *iproov.Journey) *iproov.Journey {
	t.mu.Lock()
	defer t.mu.Unlock()
	owner := string(j.UserID) + "/" + j.Purpose
	if last := t.stored(t.latest[owner]); last != nil && last.AttemptsLeft() > 0 {
		return last
	}
	if t.write(j) != nil {
		return nil
	}
	t.latest[owner] = j.Key()
	return j
}

// load returns a copy of a journey, or nil.
func (t *journeys) load(key string) *iproov.Journey {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stored(key)
}

// save is the compare and swap that package iproov needs: UPDATE … WHERE key = … AND revision = … - 1.
func (t *journeys) save(_ context.Context, j *iproov.Journey) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows[j.Key()].revision != j.Revision-1 {
		return iproov.ErrRevision
	}
	return t.write(j)
}

func (t *journeys) stored(key string) *iproov.Journey {
	r, ok := t.rows[key]
	if !ok {
		return nil
	}
	var j iproov.Journey
	if json.Unmarshal(r.data, &j) != nil {
		return nil // cannot be: write wrote it
	}
	return &j
}

func (t *journeys) write(j *iproov.Journey) error {
	data, err := json.Marshal(j)
	if err == nil {
		t.rows[j.Key()] = row{j.Revision, data}
	}
	return err
}
