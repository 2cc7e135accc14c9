package powerauthtest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/powerauth"
	"github.com/identkit/identkit/powerauth/powerauthtest"
)

// An activation code expires, and the third payment fails with a bad gateway.
func Example() {
	clock := identkittest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	srv := powerauthtest.New(powerauthtest.Options{Clock: clock})
	defer srv.Close()
	srv.Fault(identkittest.On("powerauth.Operations.Create").Nth(3).HTML(502))
	client := srv.Client()
	ctx := context.Background()

	// The fake's clock decides whether a code has expired.
	created, err := client.Registrations.Create(ctx, powerauth.CreateRegistrationParams{UserID: "alice", AppID: "my-bank"})
	if err != nil {
		fmt.Println(err)
		return
	}
	clock.Advance(5 * time.Minute)
	_, err = srv.Activate(created.ActivationCode, powerauthtest.Activation{})
	fmt.Println(err)

	for range 3 {
		_, err = client.Operations.Create(ctx, powerauth.CreateOperationParams{UserID: "alice", Template: "payment"})
	}
	fmt.Println(errors.Is(err, identkit.ErrUnavailable), errors.Is(err, identkit.ErrOutcomeUnknown))

	entry, _ := srv.Journal().Last("powerauth.Operations.Create")
	fmt.Println(entry.Status, string(entry.Body))
	// Output:
	// powerauthtest: no registration has this code
	// true true
	// 502 {"userId":"alice","template":"payment"}
}
