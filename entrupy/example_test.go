package entrupy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
)

// A fake stands for Entrupy in the examples.
func fake(opts ...entrupytest.Dialect) (*entrupytest.Server, *entrupy.Client) {
	var o entrupytest.Options
	for _, d := range opts {
		o.Dialect = d
	}
	srv := entrupytest.New(o)
	return srv, srv.Client()
}

// The app hands over a request of the SDK; everything else comes from the backend's own session.
func ExampleUsers_Authorize() {
	srv, client := fake()
	a, err := client.Users.Authorize(context.Background(), entrupy.AuthorizeUserParams{
		SDKRequest: "opaque-from-the-app", UserID: "shop42.user-90817", Email: "ada@example.org", FirstName: "Ada", LastName: "Lovelace",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("store", a.Username)
	user, err := srv.Login(a.SignedRequest) // the app
	fmt.Println("logged in", user, err)
	// Output:
	// store Shop-shop42.user-90817
	// logged in shop42.user-90817 <nil>
}

// What a 409 means is not documented; its body may hold an authorization.
func ExampleAuthorizeConflict() {
	_, client := fake(entrupytest.Dialect{Conflict: entrupytest.ConflictWith})
	ctx, in := context.Background(), entrupy.AuthorizeUserParams{SDKRequest: "opaque", UserID: "shop42.user-90817", Email: "ada@example.org"}
	_, _ = client.Users.Authorize(ctx, in)
	_, err := client.Users.Authorize(ctx, in)
	var conflict *entrupy.AuthorizeConflict
	if errors.As(err, &conflict) && conflict.Authorization != nil {
		fmt.Println("authorized all the same:", conflict.Authorization.Username)
	}
	// Output:
	// authorized all the same: Shop-shop42.user-90817
}

func ExampleAuthentications_Get() {
	srv, client := fake()
	id := srv.Capture(entrupytest.Item{ID: "7QK2M9X", CustomerItemID: "inv-000731"})
	_ = srv.Complete(id, entrupy.ResultAuthentic)
	a, err := client.Authentications.Get(context.Background(), id, entrupy.GetParams{Images: true, Catalog: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.CustomerItemID(), a.Status.Result.ID, a.IsFinal(), a.IsAuthentic())
	fmt.Println(a.Certificate.Page(), len(a.Images), a.Catalog.ConditionAssessment.Rating)
	// Output:
	// inv-000731 authentic true true
	// https://cert.example.org/7QK2M9X 1 good
}

// A lookup gives the latest authentication of an item.
func ExampleAuthentications_Lookup() {
	srv, client := fake()
	ctx := context.Background()
	_, err := client.Authentications.Lookup(ctx, "inv-000731", entrupy.GetParams{})
	fmt.Println(errors.Is(err, identkit.ErrNotFound))
	_ = srv.Complete(srv.Capture(entrupytest.Item{CustomerItemID: "inv-000731"}), entrupy.ResultUnidentified)
	a, err := client.Authentications.Lookup(ctx, "inv-000731", entrupy.GetParams{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("final", a.IsFinal(), "authentic", a.IsAuthentic()) // and nobody said "fake"
	// Output:
	// true
	// final true authentic false
}

func ExampleAuthentications_Search() {
	srv, client := fake()
	for _, item := range []entrupy.CustomerItemID{"inv-1", "inv-2", "inv-3"} {
		_ = srv.Complete(srv.Capture(entrupytest.Item{CustomerItemID: item}), entrupy.ResultAuthentic)
	}
	page, err := client.Authentications.Search(context.Background(), entrupy.SearchParams{Limit: 2, Filters: []entrupy.Filter{
		entrupy.AnyOf(entrupy.KeyResult, entrupy.ResultAuthentic, entrupy.ResultInvalid),
		entrupy.ByCustomerItemID("inv-2").Not(),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range page.Items {
		fmt.Println(a.CustomerItemID())
	}
	fmt.Println(len(page.Unreadable), len(page.Next))
	// Output:
	// inv-1
	// inv-3
	// 0 0
}

// A walk goes on over items that cannot be read, and says where it failed.
func ExampleAuthentications_All() {
	srv, client := fake()
	for range 30 {
		srv.Capture(entrupytest.Item{Username: "Shop-shop42.user-90817"})
	}
	count := 0
	for a, err := range client.Authentications.All(context.Background(), entrupy.SearchParams{
		Limit: 25, Filters: []entrupy.Filter{entrupy.ByUsername("Shop-shop42.user-90817")},
	}) {
		var broken *entrupy.ItemError
		var failed *identkit.PageError
		switch {
		case errors.As(err, &broken):
			fmt.Println("look at", len(broken.RawJSON()), "bytes")
			continue
		case errors.As(err, &failed):
			fmt.Println("go on later from", len(failed.Cursor), "bytes")
			return
		}
		_ = a
		count++
	}
	fmt.Println(count)
	// Output:
	// 30
}

func ExampleAuthentications_Flag() {
	srv, client := fake()
	id := srv.Capture(entrupytest.Item{})
	_ = srv.Complete(id, entrupy.ResultInvalid)
	err := client.Authentications.Flag(context.Background(), id, entrupy.FlagParams{Reason: "wrong_result", Comments: "the pictures are sharp"})
	item, _ := srv.Item(id)
	fmt.Println(item.Flag, err)
	// Output:
	// flagged <nil>
}

// With a Notifier, which webhook handlers notify, a wait reads again at once.
func ExampleAuthentications_Wait() {
	srv, client := fake()
	id := srv.Capture(entrupytest.Item{})
	go func() { _ = srv.Complete(id, entrupy.ResultAuthentic) }() // the inspector
	a, err := client.Authentications.Wait(context.Background(), id, identkit.WaitPolicy{Until: time.Now().Add(time.Hour)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.IsAuthentic())
	// Output:
	// true
}

// The latest authentication of an item may be an old one, with a final result.
func ExampleAuthentications_WaitLookup() {
	srv, client := fake()
	old := srv.Capture(entrupytest.Item{CustomerItemID: "inv-000731"})
	_ = srv.Complete(old, entrupy.ResultInvalid)
	go func() {
		_ = srv.Complete(srv.Capture(entrupytest.Item{CustomerItemID: "inv-000731"}), entrupy.ResultAuthentic)
	}() // the app, again
	a, err := client.Authentications.WaitLookup(context.Background(), entrupy.WaitLookupParams{Item: "inv-000731", Except: old}, identkit.WaitPolicy{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.ID != old, a.Status.Result.ID)
	// Output:
	// true authentic
}

func ExampleClient_Ping() {
	_, client := fake()
	fmt.Println(client.Ping(context.Background()))
	// Output:
	// <nil>
}

// Version 1.4 is read by Call, into the same type.
func ExampleClient_Call() {
	srv, client := fake()
	id := srv.Capture(entrupytest.Item{Category: entrupy.CategorySneakers})
	var read struct {
		Item entrupy.Authentication `json:"item"`
	}
	err := client.Call(context.Background(), identkit.Request{
		Path: "/v1/authentications/{entrupy_id}", PathValues: map[string]string{"entrupy_id": string(id)},
		Header: http.Header{"Api-Version": {"1.4"}}, Retry: identkit.RetrySafe,
	}, &read)
	fmt.Println(read.Item.TextFields["us_size"], err)
	// Output:
	// 9.5 <nil>
}
