package iproov_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/identkittest"
	"github.com/identkit/identkit/iproov"
	"github.com/identkit/identkit/iproov/iproovtest"
)

func ExampleNew() {
	cfg := iproov.Config{
		Region:      iproov.RegionEU,
		Credentials: iproov.Keys("from your vault", "from your vault"),
		OAuth:       iproov.OAuthUser("from your vault", "from your vault"),
	}
	cfg.Options.Limiter = rate.NewLimiter(10, 1) // the contracted rate; only token calls wait for it
	client, err := iproov.New(cfg)
	fmt.Println(err)
	fmt.Println(client.Endpoint().StreamingURL(iproov.PlatformAndroid))
	fmt.Println(client.Endpoint().StreamingURL(iproov.PlatformWeb))

	_, err = iproov.New(iproov.Config{BaseURL: "wss://eu.rp.secure.iproov.me/ws"})
	fmt.Println(err)
	// Output:
	// <nil>
	// wss://eu.rp.secure.iproov.me/ws
	// https://eu.rp.secure.iproov.me
	// iproov.New: invalid request: Credentials are missing; BaseURL is a streaming address; give the https:// one
}

// A user is enrolled by a scan.
func ExampleEnrol() {
	srv := iproovtest.New(iproovtest.Options{}) // simulates the provider
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()

	claim, err := client.Enrol.CreateToken(ctx, iproov.CreateTokenParams{UserID: "u-1", Resource: "acme-onboarding"})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Send client.Launch(claim, platform) to the app within two minutes. Here the fake simulates its SDK.
	if err = srv.Complete(claim.Token, iproovtest.Pass()); err != nil {
		fmt.Println(err)
		return
	}
	v, err := client.Enrol.Validate(ctx, iproov.ValidateEnrolmentParams{ValidateParams: iproov.ValidateParams{
		Token: claim.Token, UserID: claim.UserID, Client: "the app's User-Agent",
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("passed:", v.Passed)

	_, err = client.Enrol.CreateToken(ctx, iproov.CreateTokenParams{UserID: "u-1", Resource: "acme-onboarding"})
	var e *identkit.Error
	fmt.Println(errors.As(err, &e) && e.Code == iproov.CodeAlreadyEnrolled)
	// Output:
	// passed: true
	// true
}

// A user is enrolled from the photo on the chip of a passport, and then verified by a scan.
func ExampleEnrol_Image() {
	srv := iproovtest.New(iproovtest.Options{})
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()
	photo := bytes.NewReader(jpeg(200_000)) // or an *os.File: it streams

	in := iproov.CreateTokenParams{UserID: "u-1", Resource: "acme-onboarding"}
	claim, err := client.Enrol.CreateToken(ctx, in)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err = client.Enrol.Image(ctx, iproov.EnrolImageParams{Token: claim.Token, UserID: "u-1", Source: iproov.SourceEID, Image: photo}); err != nil {
		fmt.Println(err)
		return
	}
	claim, err = client.Verify.CreateToken(ctx, in)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = srv.Complete(claim.Token, iproovtest.Fail("Please Keep Still"))
	v, err := client.Verify.Validate(ctx, iproov.ValidateParams{Token: claim.Token, UserID: "u-1", Client: "the app's User-Agent"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.Passed, v.Reason, v.Signals.Matching)
	// Output: false Please Keep Still no
}

// A known user is verified.
func ExampleVerify() {
	srv := iproovtest.New(iproovtest.Options{})
	defer srv.Close()
	srv.AddUser("u-1", iproov.UserActive)
	client := srv.Client()
	ctx := context.Background()

	claim, err := client.Verify.CreateToken(ctx, iproov.CreateTokenParams{UserID: "u-1", Resource: "acme-login", AssuranceType: iproov.Liveness})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = srv.Complete(claim.Token, iproovtest.Pass())
	v, err := client.Verify.Validate(ctx, iproov.ValidateParams{Token: claim.Token, UserID: "u-1", Client: "the app's User-Agent"})
	fmt.Println(err == nil && v.Passed, v.AssuranceType)

	_, err = client.Verify.CreateToken(ctx, iproov.CreateTokenParams{UserID: "nobody", Resource: "acme-login"})
	fmt.Println(errors.Is(err, identkit.ErrNotFound))
	// Output:
	// true liveness
	// true
}

// When the response with the verdict is lost, so is the verdict: the SDK does not ask again, and says so.
func ExampleVerify_Validate_outcomeUnknown() {
	srv := iproovtest.New(iproovtest.Options{})
	defer srv.Close()
	srv.AddUser("u-1", iproov.UserActive)
	client := srv.Client()
	ctx := context.Background()
	claim, err := client.Verify.CreateToken(ctx, iproov.CreateTokenParams{UserID: "u-1", Resource: "acme-login"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = srv.Complete(claim.Token, iproovtest.Pass())
	srv.Fault(identkittest.On("iproov.Verify.Validate").HTML(502))

	_, err = client.Verify.Validate(ctx, iproov.ValidateParams{Token: claim.Token, UserID: "u-1", Client: "the app's User-Agent"})
	fmt.Println(errors.Is(err, identkit.ErrOutcomeUnknown))
	fmt.Println(err)
	// Output:
	// true
	// iproov.Verify.Validate: unavailable (HTTP 502, outcome unknown): response is an HTML page, as a gateway writes it; the verdict may be lost, start a new claim
}

// A claim is stopped.
func ExampleClaims_Invalidate() {
	srv := iproovtest.New(iproovtest.Options{})
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()
	claim, err := client.Enrol.CreateToken(ctx, iproov.CreateTokenParams{UserID: "u-1", Resource: "acme-onboarding"})
	if err != nil {
		fmt.Println(err)
		return
	}
	done, err := client.Claims.Invalidate(ctx, claim.Token, "The session is over")
	fmt.Println(err == nil && done.Aborted)
	_, err = client.Claims.Invalidate(ctx, claim.Token, "Stop, please!")
	fmt.Println(errors.Is(err, identkit.ErrInvalidRequest))
	// Output:
	// true
	// true
}

// Users are managed with a second set of credentials; the client fetches, counts and renews access tokens.
func ExampleUsers() {
	srv := iproovtest.New(iproovtest.Options{})
	defer srv.Close()
	srv.AddUser("u-1", iproov.UserActive)
	client := srv.Client()
	ctx := context.Background()

	u, err := client.Users.Suspend(ctx, "u-1", time.Time{})
	fmt.Println(err == nil && u.Status.Is(iproov.UserSuspended))
	u, err = client.Users.Activate(ctx, "u-1", time.Time{})
	fmt.Println(err == nil && u.Status.Is(iproov.UserActive))
	u, err = client.Users.Update(ctx, "u-1", iproov.UpdateUserParams{Name: "User One"})
	fmt.Println(err == nil && u.Name == "User One")
	u, err = client.Users.Get(ctx, "u-1")
	fmt.Println(err == nil && u.ID == "u-1")
	u, err = client.Users.Delete(ctx, "u-1")
	fmt.Println(err == nil && u.Status.IsFinal())
	fmt.Println(client.Users.DeleteIfExists(ctx, "u-1")) // gone already
	fmt.Println(len(srv.AccessTokens()))
	// Output:
	// true
	// true
	// true
	// true
	// true
	// <nil>
	// 1
}

// A journey counts attempts and lives in the team's own database, where a compare and swap keeps it right under concurrent requests.
func ExampleJourneys() {
	srv := iproovtest.New(iproovtest.Options{})
	defer srv.Close()
	client := srv.Client()
	ctx := context.Background()
	var row []byte // a column of the team's database
	load := func() (j iproov.Journey) { _ = json.Unmarshal(row, &j); return j }
	save := func(_ context.Context, j *iproov.Journey) (err error) { // one UPDATE … WHERE revision = …
		if load().Revision != j.Revision-1 {
			return iproov.ErrRevision
		}
		row, err = json.Marshal(j)
		return err
	}
	row, _ = json.Marshal(iproov.Journey{ID: "session-1", UserID: iproov.NewUserID(), Purpose: "login", Mode: iproov.JourneyEnrolOrVerify})

	for _, scan := range []iproovtest.Outcome{iproovtest.Fail("Eyes closed"), iproovtest.Pass()} {
		j := load()
		claim, err := client.Journeys.Begin(ctx, &j, iproov.BeginParams{Save: save})
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = srv.Complete(claim.Token, scan) // client.Launch(claim, platform) is with the app, which scans

		done := iproov.FinishParams{Token: claim.Token, Client: "the app's User-Agent", Save: save}
		j = load() // the app says that the scan is over
		v, err := client.Journeys.Finish(ctx, &j, done)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(claim.Type, v.Passed, j.AttemptsLeft())
		j = load() // the app says it again: its network is bad
		v, err = client.Journeys.Finish(ctx, &j, done)
		fmt.Println("again", err == nil && v.Passed == j.Passed())
	}
	j := load()
	_, err := client.Journeys.Begin(ctx, &j, iproov.BeginParams{Save: save})
	fmt.Println(errors.Is(err, iproov.ErrJourneyOver))
	fmt.Println("verdicts fetched:", srv.Journal().Count("iproov.Enrol.Validate"))
	// Output:
	// enrol false 2
	// again true
	// enrol true 0
	// again true
	// true
	// verdicts fetched: 2
}

// A verdict whose journey cannot be saved is in the journey, and can be saved later.
func ExampleJourneys_Finish_notSaved() {
	srv := iproovtest.New(iproovtest.Options{})
	defer srv.Close()
	srv.AddUser("u-1", iproov.UserActive)
	client := srv.Client()
	ctx := context.Background()
	j := &iproov.Journey{ID: "session-1", UserID: "u-1", Purpose: "login", Mode: iproov.JourneyVerify}
	saves := 0
	save := func(context.Context, *iproov.Journey) error {
		if saves++; saves == 3 {
			return errors.New("the database is down")
		}
		return nil
	}
	claim, err := client.Journeys.Begin(ctx, j, iproov.BeginParams{Save: save})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = srv.Complete(claim.Token, iproovtest.Pass())

	v, err := client.Journeys.Finish(ctx, j, iproov.FinishParams{Token: claim.Token, Client: "the app's User-Agent", Save: save})
	if errors.Is(err, iproov.ErrNotSaved) {
		fmt.Println(v.Passed, j.Passed())
		err = save(ctx, j) // until it succeeds or returns ErrRevision
	}
	fmt.Println(err)
	// Output:
	// true true
	// <nil>
}

func ExampleClient_AccessToken() {
	srv := iproovtest.New(iproovtest.Options{})
	defer srv.Close()
	token, err := srv.Client().AccessToken(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.Token, token.Lifetime, token.Scopes)
	// Output: [secret] 1h0m0s [user-read user-write user-write-status]
}

func ExampleClient_Availability() {
	srv := iproovtest.New(iproovtest.Options{})
	defer srv.Close()
	health, err := srv.Client().Availability(context.Background())
	fmt.Println(err == nil && health.Up)
	// Output: true
}

// A readiness check proves address, key and secret without effect.
func ExampleClient_Ping() {
	srv := iproovtest.New(iproovtest.Options{})
	defer srv.Close()
	fmt.Println(srv.Client().Ping(context.Background()))

	apiKey, _ := srv.Keys()
	wrong := srv.Client(func(cfg *iproov.Config) { cfg.Credentials = iproov.Keys(apiKey, "wrong") })
	fmt.Println(errors.Is(wrong.Ping(context.Background()), identkit.ErrUnauthorized))
	// Output:
	// <nil>
	// true
}

// A verdict is given once; its JSON can be stored and read back.
func ExampleParseValidation() {
	v, err := iproov.ParseValidation([]byte(`{"passed":false,"token":"4f1c","type":"verify","reason":"Eyes closed"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.Passed, v.Reason)
	_, err = iproov.ParseValidation([]byte(`{"Passed":true,"token":"4f1c"}`))
	fmt.Println(err)
	// Output:
	// false Eyes closed
	// iproov.Verify.Validate: bad response: response lacks passed
}

func ExampleCatalog() {
	for _, op := range iproov.Catalog()[:3] {
		fmt.Println(op.Name, op.Method, op.Path, op.Retry)
	}
	// Output:
	// iproov.Enrol.CreateToken POST /claim/enrol/token safe
	// iproov.Enrol.Image POST /claim/enrol/image if not processed
	// iproov.Enrol.Validate POST /claim/enrol/validate if not processed
}
