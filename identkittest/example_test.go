package identkittest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/internal/fakeserver"
)

// newFake stands for powerauthtest.New and its like.
func newFake() *fakeserver.Server {
	srv := fakeserver.New(fakeserver.Config{})
	op := identkit.OperationInfo{Name: "powerauth.Operations.Create", Method: http.MethodPost, Path: "/v2/operations"}
	srv.Handle(op, func(c *fakeserver.Call) { c.JSON(http.StatusOK, map[string]string{"status": "PENDING"}) })
	return srv
}

func post(srv *fakeserver.Server, body string) (*http.Response, error) {
	client := &http.Client{Transport: srv.Transport()}
	return client.Post(srv.URL()+"/v2/operations", "application/json", strings.NewReader(body))
}

func ExampleOn() {
	srv := newFake()
	srv.Fault(
		identkittest.On("powerauth.Operations.Create").Nth(2).RetryAfter(429, "1"),
		identkittest.On("powerauth.Operations.Create").Nth(3).LoseResponse(),
	)
	for range 4 {
		resp, err := post(srv, `{"template":"login"}`)
		if err != nil {
			fmt.Println("reset:", errors.Is(err, syscall.ECONNRESET))
			continue
		}
		fmt.Printf("%d %q\n", resp.StatusCode, resp.Header.Get("Retry-After"))
		resp.Body.Close()
	}
	for _, e := range srv.Journal().For("powerauth.Operations.Create") {
		fmt.Printf("%d: status %d, processed %v, fault %q\n", e.Nth, e.Status, e.Processed, e.Fault)
	}
	// Output:
	// 200 ""
	// 429 "1"
	// reset: true
	// 200 ""
	// 1: status 200, processed true, fault ""
	// 2: status 429, processed false, fault "On(\"powerauth.Operations.Create\").Nth(2).RetryAfter(429, \"1\")"
	// 3: status 0, processed true, fault "On(\"powerauth.Operations.Create\").Nth(3).LoseResponse()"
	// 4: status 200, processed true, fault ""
}

func ExampleAny() {
	srv := newFake()
	srv.Fault(identkittest.Any().After(1).HTML(502))
	for range 2 {
		resp, err := post(srv, `{}`)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(resp.Status, resp.Header.Get("Content-Type"))
		resp.Body.Close()
	}
	// Output:
	// 200 OK application/json
	// 502 Bad Gateway text/html
}

func ExampleRule_Stream() {
	srv := newFake()
	srv.Fault(identkittest.Any().Stream(1, time.Second))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL()+"/v2/operations", http.NoBody)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := srv.Transport().RoundTrip(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	fmt.Println(string(b), errors.Is(err, context.DeadlineExceeded))
	// Output: { true
}

func ExampleRule_Err() {
	fmt.Println(identkittest.On("powerauth.Operations.Create").Nth(0).Status(503).Err())
	// Output: identkittest: rule On("powerauth.Operations.Create").Nth(0).Status(503): Nth counts from 1
}

func ExampleJournal() {
	srv := newFake()
	resp, err := post(srv, `{"template":"login","userId":"erika"}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()

	entry, _ := srv.Journal().Last("powerauth.Operations.Create")
	var body struct{ Template string }
	if err := entry.JSON(&body); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(srv.Journal().Count("powerauth.Operations.Create"), body.Template)
	fmt.Println(entry)
	// Output:
	// 1 login
	// #1 powerauth.Operations.Create[1] POST /v2/operations header {Accept-Encoding: gzip, Content-Length: 37, Content-Type: application/json, User-Agent: Go-http-client/1.1} body 37 bytes status 200
}

func ExampleNewClock() {
	clock := identkittest.NewClock(time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC))
	clock.Advance(5 * time.Minute)
	fmt.Println(clock.Now().Format(time.TimeOnly))
	// Output: 12:05:00
}

func ExampleNewLeakCheck() {
	test := func(t *testing.T) {
		lc := identkittest.NewLeakCheck(t)
		password := lc.Secret("password")

		err := fmt.Errorf("login with %v failed", password) // masked; with password.Reveal() the test fails
		lc.Error(err)
		lc.Logger().Info("login failed", "password", password)
	}
	_ = test
}
