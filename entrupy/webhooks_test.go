package entrupy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
)

var webhookIn = entrupy.CreateWebhookParams{APIVersion: "1.4", URL: "https://shop.example/hooks", SecretKey: "whsec-0123456789abcdef"}

func TestSubscriptionsAreManaged(t *testing.T) {
	t.Parallel()
	for _, d := range []entrupytest.Dialect{
		{}, {WebhookInItem: true, ListUnderWebhooks: true, SuccessStatus: 201}, {RequireVersion: true},
		{WebhookNames: entrupy.WebhookNames{URL: "endpoint", SecretKey: "secret", Channel: "topic"}},
	} {
		srv := dialect(d)
		client := unlimited(srv)
		_, err := client.Webhooks.Create(t.Context(), webhookIn)
		fails(t, err, identkit.ErrRejected)
		srv.AddDomain("shop.example")
		w, err := client.Webhooks.Create(t.Context(), webhookIn)
		require.NoError(t, err)
		assert.Equal(t, webhookIn.URL, w.URL)
		assert.Equal(t, entrupy.ChannelAuthentications, w.Channel)
		sub := srv.Subscriptions()[0]
		assert.Equal(t, []string{"1.4", string(webhookIn.SecretKey), string(w.ID)}, []string{sub.APIVersion, sub.Secret.Reveal(), string(sub.ID)})

		all, err := client.Webhooks.List(t.Context())
		require.NoError(t, err)
		require.Len(t, all, 1)
		assert.Equal(t, w.ID, all[0].ID)
		assert.NotEmpty(t, all[0].RawJSON())

		require.NoError(t, client.Webhooks.Update(t.Context(), w.ID, entrupy.UpdateWebhookParams{SecretKey: "whsec-next-0123456789"}))
		sub = srv.Subscriptions()[0]
		assert.Equal(t, "whsec-next-0123456789", sub.Secret.Reveal())
		assert.Equal(t, webhookIn.URL, sub.URL, "what is empty stays")
		assert.Equal(t, "1.4", sub.APIVersion, "the format is fixed for ever")

		require.NoError(t, client.Webhooks.Delete(t.Context(), w.ID))
		all, err = client.Webhooks.List(t.Context())
		require.NoError(t, err)
		assert.Empty(t, all)
		assert.Contains(t, fails(t, client.Webhooks.Delete(t.Context(), w.ID), identkit.ErrRejected).Detail, "EN-023")
	}
}

func TestTheVersionOfASubscriptionIsItsOwn(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"id":7}`, func(cfg *entrupy.Config) { cfg.APIVersion = "2.0" })
	w, err := client.Webhooks.Create(t.Context(), webhookIn)
	require.NoError(t, err)
	assert.Equal(t, []string{"1.4"}, s.last(t).header.Values("Api-Version"), "not the client's")
	assert.Equal(t, entrupy.WebhookID("7"), w.ID)
	s.sends(t, `{"url":"https://shop.example/hooks","secret_key":"whsec-0123456789abcdef","channel":"authentications"}`)
	in := webhookIn
	in.Channel = "certificates"
	_, err = client.Webhooks.Create(t.Context(), in, identkit.WithBodyField("user", "Shop-1"))
	require.NoError(t, err)
	s.sends(t, `{"url":"https://shop.example/hooks","secret_key":"whsec-0123456789abcdef","channel":"certificates","user":"Shop-1"}`)
	s.respond(200, `{"webhook":{"webhook_id":"w-1","url":"u","channel":["a"]}}`)
	w, err = client.Webhooks.Create(t.Context(), webhookIn)
	require.NoError(t, err)
	assert.Equal(t, entrupy.WebhookID("w-1"), w.ID)
	assert.Contains(t, string(w.RawJSON()), `"webhook"`)
}

func TestASubscriptionWithoutAVersionIsNotMade(t *testing.T) {
	t.Parallel()
	s, client := stubbed(t, 200, `{"id":7}`)
	for _, version := range []string{"", " ", "\t", "1.4 ", "1.4\n", "日"} {
		in := webhookIn
		in.APIVersion = version
		_, err := client.Webhooks.Create(t.Context(), in)
		e := fails(t, err, identkit.ErrInvalidRequest)
		assert.Equal(t, "APIVersion", e.Fields[0].Field, "%q", version)
	}
	assert.Zero(t, s.count(), "a header of blanks is none, and what the API then takes is fixed for ever")
}

func TestDomainsAreSearched(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	client := unlimited(srv)
	for _, name := range []string{"a.example", "b.example", "c.example"} {
		srv.AddDomain(name)
	}
	srv.StartDomainVerification("d.example")
	p, err := client.Domains.Search(t.Context(), entrupy.SearchDomainsParams{Limit: 3})
	require.NoError(t, err)
	require.Len(t, p.Items, 3)
	assert.Equal(t, "a.example", p.Items[0].Name)
	assert.Equal(t, "verified", p.Items[0].Status)
	assert.NotEmpty(t, p.Items[0].RawJSON())
	p, err = client.Domains.Search(t.Context(), entrupy.SearchDomainsParams{Limit: 3, Cursor: p.Next})
	require.NoError(t, err)
	require.Len(t, p.Items, 1)
	assert.Equal(t, "pending", p.Items[0].Status)
	assert.Nil(t, p.Next)
}

func TestBrandsAreReadUnderLikelyNames(t *testing.T) {
	t.Parallel()
	for _, d := range []entrupytest.Dialect{{}, {BrandsUnderItems: true}} {
		brands, err := unlimited(dialect(d)).Brands.List(t.Context())
		require.NoError(t, err)
		require.Len(t, brands, 3)
		assert.Equal(t, "acme", brands[0].ID)
		assert.Equal(t, "Acme", brands[0].Display.Name)
		assert.NotEmpty(t, brands[0].RawJSON())
	}
	s, client := stubbed(t, 200, `{"brands":["Acme",{"brand_id":7,"display":"Seven","materials":null},{"id":"x"},null]}`)
	brands, err := client.Brands.List(t.Context())
	require.NoError(t, err)
	var got []string
	for _, b := range brands {
		got = append(got, b.ID+"|"+b.Display.Name)
	}
	assert.Equal(t, []string{"|Acme", "7|Seven", "x|", "|"}, got)
	s.sends(t, `{}`)
}
