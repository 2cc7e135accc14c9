package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

// faces is the service's side of iProov: users enrol their faces, and show that they are there.
type faces struct {
	client *iproov.Client
	logger *slog.Logger
	fake   *iproovtest.Server // nil on a real deployment

	// journeys would live in the team's database, with a compare and swap on their revision in place of one lock for all.
	mu       sync.Mutex
	journeys map[string]*iproov.Journey
}

func newIProov(opts identkit.Options) (*faces, error) {
	f := &faces{logger: opts.Logger, journeys: make(map[string]*iproov.Journey)}
	if os.Getenv("IPROOV_REGION") == "" && os.Getenv("IPROOV_BASE_URL") == "" {
		f.fake = iproovtest.New(iproovtest.Options{})
		if err := f.fake.Start(); err != nil {
			return nil, err
		}
		f.client = f.fake.Client(func(cfg *iproov.Config) { cfg.Options = opts })
		return f, nil
	}
	cfg, err := iproov.ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	cfg.Options = opts
	f.client, err = iproov.New(cfg)
	return f, err
}

func (f *faces) onFake() bool { return f.fake != nil }

func (f *faces) close() {
	f.client.CloseIdleConnections()
	if f.fake != nil {
		f.fake.Close()
	}
}

func (f *faces) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /faces/journeys", f.begin)
	mux.HandleFunc("POST /faces/journeys/{user}/{purpose}/attempts", f.attempt)
	mux.HandleFunc("POST /faces/journeys/{user}/{purpose}/finish", f.finish)
	mux.HandleFunc("POST /faces/photos/{user}", f.enrolPhoto)
	mux.HandleFunc("GET /faces/users/{user}", f.user)
	mux.HandleFunc("DELETE /faces/users/{user}", f.remove)
	if f.fake != nil { // a face to play with
		mux.HandleFunc("POST /phone/scan", f.phoneScans)
	}
}

// modes say what each purpose does.
var modes = map[string]iproov.JourneyMode{"onboarding": iproov.JourneyEnrol, "login": iproov.JourneyVerify}

// begin starts a journey: a user's way to a verdict for one purpose.
func (f *faces) begin(w http.ResponseWriter, r *http.Request) {
	var in struct {
		UserID  iproov.UserID `json:"userId"`
		Purpose string        `json:"purpose"`
	}
	if !read(w, r, &in) {
		return
	}
	// The service decides what a purpose does, never the app: who enrols a face under a user's id is that user from then on.
	mode, known := modes[in.Purpose]
	if !known || in.UserID == "" {
		reply(w, http.StatusBadRequest, problem{Error: "invalid request", Fields: []string{"purpose must be onboarding or login, userId must be there"}})
		return
	}
	j := &iproov.Journey{UserID: in.UserID, Purpose: in.Purpose, Mode: mode}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch old := f.journeys[j.Key()]; {
	case old != nil && !old.IsFinal():
		reply(w, http.StatusConflict, problem{Error: "a journey is under way"})
		return
	case old != nil && !old.Passed():
		// Three attempts are what there is. A real service lets a person, or time, decide about more.
		reply(w, http.StatusTooManyRequests, problem{Error: "no attempts left"})
		return
	}
	f.journeys[j.Key()] = j
	reply(w, http.StatusCreated, map[string]int{"attemptsLeft": j.AttemptsLeft()})
}

// journey runs move on the path's journey, one request at a time.
func (f *faces) journey(w http.ResponseWriter, r *http.Request, move func(*iproov.Journey)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	wanted := iproov.Journey{UserID: iproov.UserID(r.PathValue("user")), Purpose: r.PathValue("purpose")}
	j := f.journeys[wanted.Key()]
	if j == nil {
		reply(w, http.StatusNotFound, problem{Error: "no such journey"})
		return
	}
	move(j)
}

// attempt gives the app what it needs to start a scan.
func (f *faces) attempt(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Platform iproov.Platform `json:"platform"`
	}
	if !read(w, r, &in) {
		return
	}
	if !in.Platform.Known() {
		reply(w, http.StatusBadRequest, problem{Error: "invalid request", Fields: []string{"platform is not one of the SDKs'"}})
		return
	}
	f.journey(w, r, func(j *iproov.Journey) {
		claim, err := f.client.Journeys.Next(r.Context(), j)
		if err != nil {
			fail(w, r, f.logger, err)
			return
		}
		reply(w, http.StatusCreated, f.client.Launch(claim, in.Platform))
	})
}

// finish fetches the verdict when the app says that the scan is over.
func (f *faces) finish(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token iproov.ClaimToken `json:"token"`
	}
	if !read(w, r, &in) {
		return
	}
	f.journey(w, r, func(j *iproov.Journey) {
		// The verdict is given once: an app that hangs up must not lose it.
		v, err := f.client.Journeys.Finish(context.WithoutCancel(r.Context()), j, iproov.FinishParams{Token: in.Token, Client: r.UserAgent()})
		if err != nil {
			fail(w, r, f.logger, err)
			return
		}
		reply(w, http.StatusOK, map[string]any{"passed": v.Passed, "reason": v.Reason, "attemptsLeft": j.AttemptsLeft()})
	})
}

// enrolPhoto enrols a user from a trusted photo, which streams through.
func (f *faces) enrolPhoto(w http.ResponseWriter, r *http.Request) {
	user := iproov.UserID(r.PathValue("user"))
	if r.ContentLength <= 0 {
		reply(w, http.StatusLengthRequired, problem{Error: "the photo's length is needed"})
		return
	}
	claim, err := f.client.Enrol.CreateToken(r.Context(), iproov.CreateTokenParams{UserID: user, Resource: "onboarding"})
	if err == nil {
		_, err = f.client.Enrol.Image(r.Context(), iproov.EnrolImageParams{
			Token: claim.Token, UserID: user, Source: iproov.SourceEID, Image: r.Body, Size: r.ContentLength,
		})
	}
	if err != nil {
		fail(w, r, f.logger, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *faces) user(w http.ResponseWriter, r *http.Request) {
	u, err := f.client.Users.Get(r.Context(), iproov.UserID(r.PathValue("user")))
	if err != nil {
		fail(w, r, f.logger, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"userId": u.ID, "status": u.Status})
}

func (f *faces) remove(w http.ResponseWriter, r *http.Request) {
	if err := f.client.Users.DeleteIfExists(r.Context(), iproov.UserID(r.PathValue("user"))); err != nil {
		fail(w, r, f.logger, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// phoneScans plays the app that scans a face; only on the fake.
func (f *faces) phoneScans(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token  iproov.ClaimToken `json:"token"`
		Reason string            `json:"reason"` // why it shall not pass; empty for a scan that passes
	}
	if !read(w, r, &in) {
		return
	}
	outcome := iproovtest.Pass()
	if in.Reason != "" {
		outcome = iproovtest.Fail(in.Reason)
	}
	if err := f.fake.Complete(in.Token, outcome); err != nil {
		reply(w, http.StatusConflict, problem{Error: err.Error()})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
