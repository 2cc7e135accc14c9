package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/examples/backend/service"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

// faces are the users' faces, and the iProov that knows them.
type faces struct {
	config service.IProovConfig
	fake   *iproovtest.Server // nil on a real deployment
}

func newFaces(opts identkit.Options) (*faces, error) {
	f := new(faces)
	if os.Getenv("IPROOV_REGION") == "" && os.Getenv("IPROOV_BASE_URL") == "" {
		f.fake = iproovtest.New(iproovtest.Options{})
		f.config.Client = f.fake.Client(func(cfg *iproov.Config) { cfg.Options = opts })
		return f, nil
	}
	cfg, err := iproov.ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	cfg.Options = opts
	f.config.Client, err = iproov.New(cfg)
	return f, err
}

// connect adds the simulated app that scans a face.
func (f *faces) connect(mux *http.ServeMux) {
	if f.fake != nil {
		mux.Handle("POST /phone/scan", simulate(f.scan))
	}
}

func (f *faces) close() {
	f.config.Client.CloseIdleConnections()
	if f.fake != nil {
		f.fake.Close()
	}
}

// walk enrols two faces, one by a scan and one from a photo, and verifies both.
func (f *faces) walk(w *walker) {
	w.chapter("Bob enrols his face, and logs in with it (iProov)")
	journey := f.walkBegin(w, "Begin an enrolment", "bob", "onboarding")
	token := f.walkScan(w, "Bob's phone gets a token and scans his face", journey, "")
	f.walkVerdict(w, "The verdict is fetched, once", journey, token, true)
	f.walkVerdict(w, "The phone, on a bad network, asks again and gets the same", journey, token, true)
	journey = f.walkBegin(w, "Begin a login", "bob", "login")
	token = f.walkScan(w, "Bob moves too much", journey, "Please keep still")
	f.walkVerdict(w, "He did not pass", journey, token, false)
	token = f.walkScan(w, "He tries again", journey, "")
	f.walkVerdict(w, "He is in", journey, token, true)

	w.chapter("Carol is enrolled from the photo in her passport (iProov)")
	const photo = "\x89PNG\r\n\x1a\n" + "a portrait, for the fake"
	w.call("The photo streams through to iProov", http.MethodPost, "/faces/photos/carol", photo, http.StatusNoContent, nil)
	w.call("A text named photo is refused before it is sent", http.MethodPost, "/faces/photos/dave", "not a photo", http.StatusBadRequest, nil)
	journey = f.walkBegin(w, "Begin a login", "carol", "login")
	token = f.walkScan(w, "Carol scans her face", journey, "")
	f.walkVerdict(w, "It matches the photo", journey, token, true)
	var user struct {
		Status iproov.UserStatus `json:"status"`
	}
	w.call("Carol is known", http.MethodGet, "/faces/users/carol", "", http.StatusOK, &user)
	w.note("status", string(user.Status))
	w.call("Carol leaves", http.MethodDelete, "/faces/users/carol", "", http.StatusNoContent, nil)
	w.call("Her face is no longer known", http.MethodGet, "/faces/users/carol", "", http.StatusNotFound, nil)
}

// walkBegin begins a journey and returns its path.
func (f *faces) walkBegin(w *walker, title, user, purpose string) string {
	var journey struct {
		ID string `json:"id"`
	}
	w.call(title, http.MethodPost, "/faces/journeys", fmt.Sprintf(`{"userId":%q,"purpose":%q}`, user, purpose), http.StatusCreated, &journey)
	return "/faces/journeys/" + user + "/" + purpose + "/" + journey.ID
}

// walkScan gets a token for the app and scans with it; with a reason the scan does not pass.
func (f *faces) walkScan(w *walker, title, journey, reason string) iproov.ClaimToken {
	var launch iproov.Launch
	w.call(title, http.MethodPost, journey+"/attempts", `{"platform":"ios"}`, http.StatusCreated, &launch)
	w.check(launch.StreamingURL != "", "the app needs a streaming URL")
	if w.err == nil {
		status, err := w.send(http.MethodPost, "/phone/scan", fmt.Sprintf(`{"token":%q,"reason":%q}`, launch.Token, reason), nil)
		w.check(err == nil && status == http.StatusNoContent, "the scan: %d, %v", status, err)
	}
	return launch.Token
}

func (f *faces) walkVerdict(w *walker, title, journey string, token iproov.ClaimToken, want bool) {
	var verdict struct {
		Passed       *bool  `json:"passed"`
		Reason       string `json:"reason"`
		AttemptsLeft int    `json:"attemptsLeft"`
	}
	w.call(title, http.MethodPost, journey+"/finish", fmt.Sprintf(`{"token":%q}`, token), http.StatusOK, &verdict)
	w.check(verdict.Passed != nil && *verdict.Passed == want, "the verdict should be %v", want)
	if verdict.Reason != "" {
		w.note("reason", fmt.Sprintf("%s (%d attempts left)", verdict.Reason, verdict.AttemptsLeft))
	}
}

type scanBody struct {
	Token  iproov.ClaimToken `json:"token"`
	Reason string            `json:"reason"` // why it shall not pass; empty for a scan that passes
}

// scan simulates the app that scans a face.
func (f *faces) scan(in scanBody) (any, error) {
	outcome := iproovtest.Pass()
	if in.Reason != "" {
		outcome = iproovtest.Fail(in.Reason)
	}
	return nil, f.fake.Complete(in.Token, outcome)
}
