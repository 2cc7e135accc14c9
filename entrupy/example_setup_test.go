package entrupy_test

import (
	"context"
	"fmt"

	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
)

// The domain of the address must have been verified.
func ExampleWebhooks_Create() {
	srv, client := fake()
	srv.AddDomain("shop.example")
	w, err := client.Webhooks.Create(context.Background(), entrupy.CreateWebhookParams{
		APIVersion: "1.4", URL: "https://shop.example/entrupy", SecretKey: "whsec-0123456789abcdef",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(w.ID != "", w.URL)
	// Output:
	// true https://shop.example/entrupy
}

func ExampleWebhooks_List() {
	srv, client := fake()
	srv.Subscribe(entrupytest.Subscription{ID: "wh-1", URL: "https://shop.example/entrupy"})
	all, err := client.Webhooks.List(context.Background())
	fmt.Println(len(all), all[0].ID, err)
	// Output:
	// 1 wh-1 <nil>
}

// A secret is rotated: the receiver accepts both until all deliveries have the new one.
func ExampleWebhooks_Update() {
	srv, client := fake()
	id := srv.Subscribe(entrupytest.Subscription{URL: "https://shop.example/entrupy", Secret: "whsec-0123456789abcdef"})
	fmt.Println(client.Webhooks.Update(context.Background(), id, entrupy.UpdateWebhookParams{SecretKey: "whsec-fedcba9876543210"}))
	// Output:
	// <nil>
}

func ExampleWebhooks_Delete() {
	srv, client := fake()
	id := srv.Subscribe(entrupytest.Subscription{URL: "https://shop.example/entrupy"})
	fmt.Println(client.Webhooks.Delete(context.Background(), id), len(srv.Subscriptions()))
	// Output:
	// <nil> 0
}

func ExampleDomains_Search() {
	srv, client := fake()
	srv.AddDomain("shop.example")
	page, err := client.Domains.Search(context.Background(), entrupy.SearchDomainsParams{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range page.Items {
		fmt.Println(d.Name, d.Status)
	}
	// Output:
	// shop.example verified
}

// The words that an app passes to the SDK must be these.
func ExampleConfiguration_Get() {
	_, client := fake()
	for range 2 { // the second time it is kept
		s, err := client.Configuration.Get(context.Background(), entrupy.GetConfigurationParams{Language: "en"})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(s.Brands[0].ID, s.Brands[0].Materials[0].Display.Name)
	}
	// Output:
	// acme Canvas
	// acme Canvas
}

func ExampleBrands_List() {
	_, client := fake()
	brands, err := client.Brands.List(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(brands), brands[0].Display.Name)
	// Output:
	// 3 Acme
}
