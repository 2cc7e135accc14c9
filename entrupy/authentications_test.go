package entrupy_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/entrupy/entrupytest"
)

func TestAnItemOfEachCategoryIsReadInEachFormat(t *testing.T) {
	t.Parallel()
	for _, d := range []entrupytest.Dialect{{}, {Format14: true}, {BrandNames: true, ImagesAsArray: true}, {WithoutFinal: true, WithoutUpdated: true, LookupIgnoresIncludes: true}} {
		srv := dialect(d)
		client := unlimited(srv)
		for category, brand := range map[entrupy.ProductCategory]string{entrupy.CategoryLuxury: "Acme", entrupy.CategorySneakers: "Runner", entrupy.CategoryApparel: "Weaver"} {
			item := entrupy.CustomerItemID("inv-" + category)
			id := srv.Capture(entrupytest.Item{CustomerItemID: item, Category: category, Username: "Shop-12345678"})
			a, err := client.Authentications.Get(t.Context(), id, entrupy.GetParams{Images: true, Catalog: true})
			require.NoError(t, err)
			assert.False(t, a.IsFinal())
			assert.Equal(t, entrupy.ResultReceived, a.Status.Result.ID)
			assert.Nil(t, a.Catalog)

			require.NoError(t, srv.Complete(id, entrupy.ResultAuthentic))
			a, err = client.Authentications.Get(t.Context(), id, entrupy.GetParams{Images: true, Catalog: true})
			require.NoError(t, err)
			assert.True(t, a.IsAuthentic())
			assert.Equal(t, id, a.ID)
			assert.Equal(t, item, a.CustomerItemID())
			assert.Equal(t, brand, a.Properties.Brand.Display)
			assert.Equal(t, category, a.Activity.ProductCategory)
			assert.NotEmpty(t, a.Certificate.Page())
			assert.False(t, a.Created.IsZero())
			if !d.Format14 {
				assert.Equal(t, []entrupy.Image{{Type: "front", URL: "https://images.example.org/" + string(id) + "/front"}}, a.Images)
				assert.Equal(t, brand, a.Catalog.ProductInformation.Brand)
				assert.Equal(t, d.WithoutUpdated, a.Updated.IsZero())
			} else {
				assert.Equal(t, entrupy.Username("Shop-12345678"), a.Owner.User.Username)
			}

			looked, err := client.Authentications.Lookup(t.Context(), item, entrupy.GetParams{Images: true})
			require.NoError(t, err)
			assert.Equal(t, id, looked.ID)
			assert.Equal(t, d.Format14 || d.LookupIgnoresIncludes, looked.Images == nil)

			require.NoError(t, srv.Reverse(id, entrupy.ResultInvalid))
			a, err = client.Authentications.Get(t.Context(), id, entrupy.GetParams{})
			require.NoError(t, err)
			assert.True(t, a.IsFinal())
			assert.False(t, a.IsAuthentic(), "a final result can be reversed")
			assert.Empty(t, a.Certificate)
			assert.Nil(t, a.Images, "they come only when asked for")
		}
	}
}

func TestIdsOfAnyCharactersAreEscaped(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	client := unlimited(srv)
	for _, item := range []entrupy.CustomerItemID{"a/b", "a#b", "a b", " a ", "a?b=c", "a%2Fb", "..a", "...", "日本", "a;b", "a\\b", `a"b`, "a\nb"} {
		id := srv.Capture(entrupytest.Item{CustomerItemID: item, ID: entrupy.ID("ID-" + item)})
		a, err := client.Authentications.Lookup(t.Context(), item, entrupy.GetParams{})
		require.NoError(t, err, "%q", item)
		assert.Equal(t, item, a.CustomerItemID())
		a, err = client.Authentications.Get(t.Context(), id, entrupy.GetParams{})
		require.NoError(t, err, "%q", id)
		assert.Equal(t, item, a.CustomerItemID())
	}
	for _, item := range []entrupy.CustomerItemID{"", ".", ".."} {
		_, err := client.Authentications.Lookup(t.Context(), item, entrupy.GetParams{})
		fails(t, err, identkit.ErrInvalidRequest)
	}
}

func TestLookupReadsTheLatest(t *testing.T) {
	t.Parallel()
	clock := manualClock()
	srv := entrupytest.New(entrupytest.Options{Clock: clock})
	client := unlimited(srv)
	_, err := client.Authentications.Lookup(t.Context(), "inv-1", entrupy.GetParams{})
	fails(t, err, identkit.ErrNotFound)
	_, err = client.Authentications.Get(t.Context(), "NOTHERE", entrupy.GetParams{})
	fails(t, err, identkit.ErrNotFound)
	srv.Capture(entrupytest.Item{CustomerItemID: "inv-1"})
	clock.Advance(1)
	second := srv.Capture(entrupytest.Item{CustomerItemID: "inv-1"})
	a, err := client.Authentications.Lookup(t.Context(), "inv-1", entrupy.GetParams{})
	require.NoError(t, err)
	assert.Equal(t, second, a.ID)
}

func TestAnotherEntityIsNeverAResult(t *testing.T) {
	t.Parallel()
	for body, ok := range map[string]bool{
		`{"item":` + itemV2 + `}`:   true,
		`{"item":` + itemV14 + `}`:  true,
		`{"item":` + minimal + `}}`: true, // carries no customer item id, and its own id is A
		`{"item":` + minimal + `,"text_fields":{"identifier":"something else"}}}`:                                             true,
		`{"item":` + minimal + `,"properties":{"customer_item_id":"inv-2"}}}`:                                                 false,
		`{"item":` + minimal + `,"text_fields":{"customer_item_id":"INV-000731"}}}`:                                           false,
		`{"item":` + minimal + `,"properties":{"customer_item_id":"inv-2"},"text_fields":{"customer_item_id":"inv-000731"}}}`: false,
	} {
		_, client := stubbed(t, 200, body)
		_, err := client.Authentications.Lookup(t.Context(), "inv-000731", entrupy.GetParams{})
		if ok {
			require.NoError(t, err, body)
			continue
		}
		e := fails(t, err, identkit.ErrBadResponse)
		assert.Contains(t, e.Detail, "customer_item_id", body)
	}
	_, client := stubbed(t, 200, `{"item":`+itemV2+`,"warnings":[1]}`)
	for id, ok := range map[entrupy.ID]bool{"7QK2M9X": true, "7qk2m9x": true, "7QK2M9": false, "A": false} {
		_, err := client.Authentications.Get(t.Context(), id, entrupy.GetParams{})
		assert.Equal(t, ok, err == nil, id)
	}
}

func TestAMissingMemberIsNamed(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"item":{"status":{"result":{"id":"authentic","final":true}}}}`:                    "lacks entrupy_id",
		`{"item":{"entrupy_id":"A","status":{"result":{"final":true}}}}`:                    "lacks status.result.id",
		`{"item":{"entrupy_id":"A","status":{"result":{"id":"authentic","final":"true"}}}}`: "status.result.final is not a boolean",
		`{"entrupy_id":"A","status":{"result":{"id":"authentic","final":true}}}`:            "lacks item",
		`{"item":{"entrupy_id":["A"],"status":{"result":{"id":"authentic","final":true}}}}`: "another type",
	} {
		_, client := stubbed(t, 200, body)
		_, err := client.Authentications.Get(t.Context(), "A", entrupy.GetParams{})
		assert.Contains(t, fails(t, err, identkit.ErrBadResponse).Detail, want, body)
	}
}

func TestWhatIsNotKnownIsObserved(t *testing.T) {
	t.Parallel()
	var drifts []string
	observed := func(cfg *entrupy.Config) {
		cfg.Options.Limiter = identkit.NoLimit
		cfg.Options.Observer.Drift = func(_ context.Context, d identkit.DriftInfo) { drifts = append(drifts, d.Path) }
	}
	for _, d := range []entrupytest.Dialect{{}, {Format14: true}, {ImagesAsArray: true, BrandNames: true, Cursor: entrupytest.CursorObject}} {
		srv := dialect(d)
		client := srv.Client(observed)
		for range 11 {
			require.NoError(t, srv.Complete(srv.Capture(entrupytest.Item{CustomerItemID: "inv-1"}), entrupy.ResultInvalid))
		}
		a, err := client.Authentications.Lookup(t.Context(), "inv-1", entrupy.GetParams{Images: true, Catalog: true})
		require.NoError(t, err)
		require.NoError(t, client.Authentications.Flag(t.Context(), a.ID, entrupy.FlagParams{Reason: "r"}))
		_, err = client.Authentications.Search(t.Context(), entrupy.SearchParams{})
		require.NoError(t, err)
		_, err = client.Configuration.Get(t.Context(), entrupy.GetConfigurationParams{})
		require.NoError(t, err)
	}
	assert.Empty(t, drifts, "the fake sends what is known")
	_, client := stubbed(t, 200, `{"items":[{"entrupy_id":"A","status":{"result":{"id":"tomorrow","final":true},"flag":"new"},"activity":{"form_factor":"x"},"metadata":1}]}`, observed)
	_, err := client.Authentications.Search(t.Context(), entrupy.SearchParams{})
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"items[].status.result.id", "items[].status.flag", "items[].activity.form_factor", "items[].metadata"}, drifts)
}

func TestFlag(t *testing.T) {
	t.Parallel()
	srv := entrupytest.New(entrupytest.Options{})
	client := unlimited(srv)
	id := srv.Capture(entrupytest.Item{})
	flag := func(id entrupy.ID) error {
		return client.Authentications.Flag(t.Context(), id, entrupy.FlagParams{Reason: "wrong_result"})
	}
	fails(t, flag(id), identkit.ErrConflict)
	require.NoError(t, srv.Complete(id, entrupy.ResultUnidentified))
	require.NoError(t, flag(id))
	a, err := client.Authentications.Get(t.Context(), id, entrupy.GetParams{})
	require.NoError(t, err)
	assert.Equal(t, entrupy.FlagFlagged, a.Status.Flag)
	require.NoError(t, srv.SetFlag(id, entrupy.FlagResolved))
	a, err = client.Authentications.Get(t.Context(), id, entrupy.GetParams{})
	require.NoError(t, err)
	assert.Equal(t, entrupy.FlagResolved, a.Status.Flag)

	e := fails(t, flag("NOTHERE"), identkit.ErrRejected)
	assert.Contains(t, e.Detail, "EN-014", "the path is assumed, so a 404 says nothing about the item")

	s, client := stubbed(t, 202, ``)
	require.NoError(t, client.Authentications.Flag(t.Context(), "A/B", entrupy.FlagParams{Reason: "r", Comments: "c"}), "the response is not looked at")
	assert.Equal(t, "/v2/authentications/A%2FB/flag", s.last(t).path)
	s.sends(t, `{"reason":"r","comments":"c"}`)
	require.NoError(t, client.Authentications.Flag(t.Context(), "A", entrupy.FlagParams{Reason: "r"}))
	s.sends(t, `{"reason":"r"}`)
}
