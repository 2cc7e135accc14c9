package iproovtest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

// A test of the caller's own code controls the phone, the clock and the network.
func ExampleServer() {
	clock := identkittest.NewClock(time.Now())
	srv := iproovtest.New(iproovtest.Options{Clock: clock})
	defer srv.Close()
	srv.AddUser("u-1", iproov.UserActive)
	client := srv.Client()
	ctx := context.Background()
	in := iproov.CreateTokenParams{UserID: "u-1", Resource: "acme-login"}

	claim, err := client.Verify.CreateToken(ctx, in)
	if err != nil {
		fmt.Println(err)
		return
	}
	clock.Advance(3 * time.Minute)
	fmt.Println(srv.Complete(claim.Token, iproovtest.Pass()))

	srv.Fault(identkittest.On("iproov.Verify.CreateToken").Nth(1).RetryAfter(429, "0"))
	_, err = client.Verify.CreateToken(ctx, in)
	fmt.Println(err, srv.Journal().Count("iproov.Verify.CreateToken"))
	// Output:
	// iproovtest: the token was not started within two minutes
	// <nil> 3
}

// The acceptance tests for a Save of your own, on a real database.
func ExampleRunJourneyTests() {
	var save func(context.Context, *iproov.Journey) error
	var load func(context.Context, string) (*iproov.Journey, error)
	_ = func(t *testing.T) { // func TestOurJourneys(t *testing.T)
		iproovtest.RunJourneyTests(t, iproovtest.JourneyStore{Save: save, Load: load})
	}
}
