package entrupytest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
)

// A test of the caller's own code controls the inspector and the deliveries.
func ExampleServer() {
	ctx := context.Background()
	hooks := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println("delivery of", len(body) > 0, "signed", r.Header.Get(entrupytest.SignatureHeader)[:7])
		w.WriteHeader(http.StatusNoContent)
	})
	srv := entrupytest.New(entrupytest.Options{DeliveryHandler: hooks})
	defer srv.Close()
	srv.Subscribe(entrupytest.Subscription{Secret: "whsec-0123456789abcdef", APIVersion: "2.0"})

	id := srv.Capture(entrupytest.Item{CustomerItemID: "inv-000731", Category: entrupy.CategorySneakers})
	if err := srv.Complete(id, entrupy.ResultAuthentic); err != nil {
		fmt.Println(err)
		return
	}
	a, err := srv.Client().Authentications.Lookup(ctx, "inv-000731", entrupy.GetParams{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.IsAuthentic())
	_, _ = srv.Deliver(ctx)
	if err := srv.Reverse(id, entrupy.ResultInvalid); err != nil {
		fmt.Println(err)
	}
	_, _ = srv.Deliver(ctx)
	// Output:
	// true
	// delivery of true signed SHA256:
	// delivery of true signed SHA256:
}
