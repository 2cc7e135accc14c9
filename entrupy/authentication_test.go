package entrupy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/entrupy"
)

const itemV2 = `{"entrupy_id":"7QK2M9X","timestamp":{"created_at":"2026-03-02T08:15:30Z","last_updated_at":"2026-03-02T09:00:00.5Z"},
	"status":{"result":{"id":"authentic","final":true},"initial_result":{"id":"unidentified","final":false},"flag":null},
	"properties":{"customer_item_id":"inv-000731","brand":"Acme","category":"Tote","material":"Canvas"},
	"owner":{"organization_id":"org-1","user_id":"usr-9"},
	"activity":{"mode":"standard_authentication","form_factor":"free_camera","name":"authentication","product_category":"luxury"},
	"certificate":{"certificate_id":"c-55","url":"https://cert.example.org/c-55"},
	"text_fields":{"certificate_note":"n"},"images":{"front":"https://img.example.org/1"},
	"catalog":{"product_information":{"brand":"Acme","colorway":"red"},"condition_assessment":{"score":8.5,"rating":"good","issues":["worn"],"details":{"exterior":"fine"}},
		"marketplace_listings":[{"platform":"P","title":"T","price":"100","currency":"USD","link":"https://p.example.org","confidence":0.9}]},
	"fingerprint_parent":{"id":"P"}}`

const itemV14 = `{"entrupy_id":"7QK2M9X","activity":{"name":"authentication","form_factor":"free_camera","product_category":"sneakers"},
	"owner":{"organization":{"name":"Shop"},"user":{"username":"Shop-user-90817"}},
	"properties":{"brand":{"id":"acme","display":"Acme"},"material":{"id":"m1","display":"Canvas"},"item_type":{"id":"i1","display":"Shirt"}},
	"status":{"flag":null,"result":{"id":"invalid","final":true,"display":"Invalid","reason":"blurry"}},
	"certificate":{"site":"https://cert.example.org/7QK2M9X","preview":"https://cert.example.org/7QK2M9X.jpg"},
	"text_fields":{"customer_item_id":"inv-000731","us_size":"9.5"},
	"timestamp":{"display":"2 March","epoch":1772439330.1}}`

func parsed(t *testing.T, raw string) *entrupy.Authentication {
	t.Helper()
	a, err := entrupy.ParseAuthentication([]byte(raw))
	require.NoError(t, err, raw)
	return a
}

func TestBothFormatsAreReadWhole(t *testing.T) {
	t.Parallel()
	a := parsed(t, itemV2)
	assert.Equal(t, entrupy.ID("7QK2M9X"), a.ID)
	assert.Equal(t, entrupy.Status{Result: entrupy.Result{ID: "authentic", Final: true}, InitialResult: &entrupy.Result{ID: "unidentified"}}, a.Status)
	assert.Equal(t, entrupy.Owner{OrganizationID: "org-1", UserID: "usr-9"}, a.Owner)
	assert.Equal(t, entrupy.Properties{
		CustomerItemID: "inv-000731", Brand: entrupy.Named{Display: "Acme"}, Category: entrupy.Named{Display: "Tote"}, Material: entrupy.Named{Display: "Canvas"},
	}, a.Properties)
	assert.Equal(t, entrupy.Activity{Name: "authentication", Mode: "standard_authentication", FormFactor: "free_camera", ProductCategory: "luxury"}, a.Activity)
	assert.Equal(t, entrupy.Certificate{ID: "c-55", URL: "https://cert.example.org/c-55"}, a.Certificate)
	assert.Equal(t, "https://cert.example.org/c-55", a.Certificate.Page())
	assert.Equal(t, map[string]string{"certificate_note": "n"}, a.TextFields)
	assert.Equal(t, []entrupy.Image{{Type: "front", URL: "https://img.example.org/1"}}, a.Images)
	assert.Equal(t, &entrupy.CatalogData{
		ProductInformation:  entrupy.ProductInformation{Brand: "Acme", Colorway: "red"},
		ConditionAssessment: entrupy.ConditionAssessment{Score: 8.5, Rating: "good", Issues: []string{"worn"}, Details: map[string]string{"exterior": "fine"}},
		MarketplaceListings: []entrupy.MarketplaceListing{{Platform: "P", Title: "T", Price: "100", Currency: "USD", Link: "https://p.example.org", Confidence: 0.9}},
	}, a.Catalog)
	assert.JSONEq(t, `{"id":"P"}`, string(a.FingerprintParent))
	assert.Equal(t, time.Date(2026, 3, 2, 8, 15, 30, 0, time.UTC), a.Created)
	assert.Equal(t, time.Date(2026, 3, 2, 9, 0, 0, 5e8, time.UTC), a.Updated)
	assert.Equal(t, entrupy.CustomerItemID("inv-000731"), a.CustomerItemID())
	assert.JSONEq(t, itemV2, string(a.RawJSON()))
	assert.True(t, a.IsAuthentic())

	a = parsed(t, itemV14)
	assert.Equal(t, entrupy.Status{Result: entrupy.Result{ID: "invalid", Final: true, Display: "Invalid", Reason: "blurry"}}, a.Status)
	assert.Equal(t, entrupy.Owner{Organization: entrupy.Organization{Name: "Shop"}, User: entrupy.OrganizationUser{Username: "Shop-user-90817"}}, a.Owner)
	assert.Equal(t, entrupy.Properties{Brand: entrupy.Named{ID: "acme", Display: "Acme"}, Material: entrupy.Named{ID: "m1", Display: "Canvas"}, ItemType: entrupy.Named{ID: "i1", Display: "Shirt"}}, a.Properties)
	assert.Equal(t, entrupy.Certificate{Site: "https://cert.example.org/7QK2M9X", Preview: "https://cert.example.org/7QK2M9X.jpg"}, a.Certificate)
	assert.Equal(t, "https://cert.example.org/7QK2M9X", a.Certificate.Page())
	assert.Equal(t, int64(1772439330100), a.Created.UnixMilli(), "by its digits")
	assert.Equal(t, a.Epoch, a.Created)
	assert.Equal(t, "2 March", a.Display)
	assert.True(t, a.Updated.IsZero())
	assert.Equal(t, entrupy.CustomerItemID("inv-000731"), a.CustomerItemID())
	assert.True(t, a.IsFinal())
	assert.False(t, a.IsAuthentic())
	assert.Equal(t, a, parsed(t, string(a.RawJSON())))
}

const minimal = `{"entrupy_id":"A","status":{"result":{"id":"authentic","final":true}}`

func TestHalfOfEachFormatIsRead(t *testing.T) {
	t.Parallel()
	a := parsed(t, minimal+`,"owner":{"organization_id":"org-1","user":{"username":"Shop-1"}},
		"properties":{"brand_name":"Acme","category_name":"Tote","material":{"id":"m"}},"text_fields":{"customer_item_id":"c-1"},
		"timestamp":{"created_at":"2026-03-02T08:15:30Z","epoch":1},"certificate":{"certificate_id":"x","site":"https://s.example.org"}}`)
	assert.Equal(t, "org-1", a.Owner.OrganizationID)
	assert.Equal(t, entrupy.Username("Shop-1"), a.Owner.User.Username)
	assert.Equal(t, "Acme", a.Properties.Brand.Display)
	assert.Equal(t, "Tote", a.Properties.Category.Display)
	assert.Equal(t, "m", a.Properties.Material.ID)
	assert.Equal(t, entrupy.CustomerItemID("c-1"), a.CustomerItemID())
	assert.Equal(t, 2026, a.Created.Year())
	assert.Equal(t, "https://s.example.org", a.Certificate.Page())

	assert.Equal(t, entrupy.CustomerItemID("p"), parsed(t, minimal+`,"properties":{"customer_item_id":"p"},"text_fields":{"customer_item_id":"t","identifier":"i"}}`).CustomerItemID())
	assert.Equal(t, entrupy.CustomerItemID("i"), parsed(t, minimal+`,"text_fields":{"identifier":"i"}}`).CustomerItemID())
	assert.Empty(t, parsed(t, minimal+`}`).CustomerItemID())
}

func TestNothingIsAuthenticThatIsNotFinalAndAuthentic(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{ // "": an error; else what the predicates say
		`{"result":{"id":"authentic","final":true}}`:                                                     "final authentic",
		`{"result":{"id":"authentic","final":false}}`:                                                    "",
		`{"result":{"id":"authentic"}}`:                                                                  "",
		`{"result":{"id":"authentic","final":null}}`:                                                     "",
		`{"result":{"id":"authentic","Final":true}}`:                                                     "",
		`{"result":{"id":"Authentic","final":true}}`:                                                     "final",
		`{"result":{"id":"AUTHENTIC","final":true}}`:                                                     "final",
		`{"result":{"id":" authentic","final":true}}`:                                                    "final",
		`{"result":{"id":"not_authentic","final":true}}`:                                                 "final",
		`{"result":{"id":"unidentified","final":true}}`:                                                  "final",
		`{"result":{"id":"invalid","final":true}}`:                                                       "final",
		`{"result":{"id":"tomorrow","final":true}}`:                                                      "final",
		`{"result":{"id":"unidentified","final":true},"initial_result":{"id":"authentic","final":true}}`: "final",
		`{"result":{"id":"received","final":false},"initial_result":{"id":"authentic","final":true}}`:    "",
	} {
		a := parsed(t, `{"entrupy_id":"A","status":`+status+`,"certificate":{"url":"https://c.example.org"}}`)
		assert.Equal(t, strings.Contains(want, "final"), a.IsFinal(), status)
		assert.Equal(t, strings.Contains(want, "authentic"), a.IsAuthentic(), status)
	}
	for _, raw := range []string{
		``, `null`, `[]`, `{}`, `"A"`, `{"entrupy_id":"A"}`, `{"entrupy_id":"A","status":null}`, `{"entrupy_id":"A","status":{}}`, `{"entrupy_id":"A","status":[]}`,
		`{"entrupy_id":"A","status":"authentic"}`, `{"entrupy_id":"A","status":{"result":null}}`, `{"entrupy_id":"A","status":{"result":"authentic"}}`,
		`{"entrupy_id":"A","status":{"result":{"final":true}}}`, `{"entrupy_id":"A","status":{"result":{"id":null,"final":true}}}`,
		`{"entrupy_id":"A","status":{"result":{"id":"","final":true}}}`, `{"entrupy_id":"A","status":{"result":{"id":["authentic"],"final":true}}}`,
		`{"entrupy_id":"A","status":{"result":{"id":1,"final":true}}}`,
		`{"entrupy_id":"A","status":{"result":{"ID":"authentic","final":true}}}`, `{"entrupy_id":"A","Status":{"result":{"id":"authentic","final":true}}}`,
		`{"entrupy_id":"A","status":{"result":{"id":"authentic","final":"true"}}}`, `{"entrupy_id":"A","status":{"result":{"id":"authentic","final":1}}}`,
		`{"entrupy_id":"A","status":{"result":{"id":"authentic","final":[true]}}}`, `{"entrupy_id":"A","status":{"result":{"id":"authentic","final":{}}}}`,
		`{"entrupy_id":"A","status":{"result":{"id":"authentic","final":true,"final":false}}}`,
		`{"entrupy_id":"A","status":{"result":{"id":"invalid","id":"authentic","final":true}}}`,
		`{"entrupy_id":null,"status":{"result":{"id":"authentic","final":true}}}`, `{"entrupy_id":7,"status":{"result":{"id":"authentic","final":true}}}`,
		`{"entrupy_id":"","status":{"result":{"id":"authentic","final":true}}}`, `{"Entrupy_ID":"A","status":{"result":{"id":"authentic","final":true}}}`,
		`{"entrupy_id":"A","status":{"result":{"id":"authentic","final":true},"flag":7}}`,
		minimal + `}` + minimal + `}`, minimal, minimal + `,"x":{"a":1,"a":2}}`,
	} {
		a, err := entrupy.ParseAuthentication([]byte(raw))
		require.ErrorIs(t, err, identkit.ErrBadResponse, raw)
		assert.Nil(t, a)
	}
}

func TestWhatDecidesNothingCostsNoResult(t *testing.T) {
	t.Parallel()
	names := []string{"owner", "properties", "activity", "certificate", "timestamp", "text_fields", "images", "catalog", "fingerprint_parent", "metadata"}
	for _, other := range []string{`null`, `"text"`, `7`, `true`, `[]`, `{}`, `[7]`, `{"x":null}`} {
		for _, name := range names {
			a := parsed(t, minimal+`,"`+name+`":`+other+`}`)
			assert.True(t, a.IsAuthentic(), "%s: %s", name, other)
		}
		for _, deep := range []string{
			`"owner":{"organization":%,"user":%,"user_id":%}`, `"properties":{"brand":%,"item_type":%,"customer_item_id":%,"brand_name":%}`,
			`"activity":{"name":%,"mode":%,"form_factor":%,"product_category":%}`, `"certificate":{"url":%,"certificate_id":%}`,
			`"timestamp":{"created_at":%,"last_updated_at":%,"epoch":%,"display":%}`, `"text_fields":{"customer_item_id":%}`,
			`"images":[%]`, `"images":{"front":%}`, `"images":{"front":{"url":%}}`, `"images":[{"type":%,"url":"u"}]`,
			`"catalog":{"product_information":%,"condition_assessment":%,"marketplace_listings":%}`,
			`"catalog":{"product_information":{"brand":%},"condition_assessment":{"score":%,"issues":%,"details":%},"marketplace_listings":[%]}`,
		} {
			a := parsed(t, minimal+`,`+strings.ReplaceAll(deep, "%", other)+`}`)
			assert.True(t, a.IsAuthentic(), "%s: %s", deep, other)
		}
		a := parsed(t, `{"entrupy_id":"A","status":{"result":{"id":"authentic","final":true},"initial_result":`+other+`}}`)
		assert.True(t, a.IsAuthentic(), other)
	}
	assert.Nil(t, parsed(t, minimal+`,"fingerprint_parent":null,"catalog":null,"images":null}`).FingerprintParent)
	assert.Equal(t, entrupy.CustomerItemID("731"), parsed(t, minimal+`,"properties":{"customer_item_id":731}}`).CustomerItemID())
}

func TestImagesComeInTwoShapes(t *testing.T) {
	t.Parallel()
	for images, want := range map[string][]entrupy.Image{
		`[{"type":"front","url":"u1"},{"type":"back","url":"u2"}]`: {{"front", "u1"}, {"back", "u2"}},
		`["u1","u2"]`:                {{"", "u1"}, {"", "u2"}},
		`{"front":"u1","back":"u2"}`: {{"front", "u1"}, {"back", "u2"}},
		`{"front":{"url":"u1"},"back":[{"url":"u2","type":"b"},"u3"]}`: {{"front", "u1"}, {"b", "u2"}, {"back", "u3"}},
		`{"front":{"url":null},"back":7,"top":{"large":"u1"}}`:         {{"large", "u1"}},
		`{"front":[{"large":"u1"}]}`:                                   {{"large", "u1"}},
		`{}`:                                                           nil, `[]`: nil, `null`: nil, `7`: nil,
	} {
		assert.Equal(t, want, parsed(t, minimal+`,"images":`+images+`}`).Images, images)
	}
}

func TestDeepValuesAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, level := range []string{`{"a":%}`, `[%]`} {
		before, after, _ := strings.Cut(level, "%")
		deep := func(n int) string { return strings.Repeat(before, n) + `"u"` + strings.Repeat(after, n) }
		assert.Len(t, parsed(t, minimal+`,"images":`+deep(3)+`}`).Images, 1)
		assert.Empty(t, parsed(t, minimal+`,"images":`+deep(4)+`}`).Images, "each level would read the rest again")
		a := parsed(t, minimal+`,"images":`+deep(5000)+`}`)
		assert.True(t, a.IsAuthentic())
		assert.Empty(t, a.Images)
	}
}

func TestFlagsAndResultsAreOpenSets(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]entrupy.Flag{`null`: "", `"flagged"`: entrupy.FlagFlagged, `"tomorrow"`: "tomorrow", `{"id":"resolved","display":"R"}`: entrupy.FlagResolved} {
		assert.Equal(t, want, parsed(t, `{"entrupy_id":"A","status":{"result":{"id":"authentic","final":true},"flag":`+flag+`}}`).Status.Flag, flag)
	}
	assert.True(t, entrupy.ResultUnidentified.Known())
	assert.False(t, entrupy.ResultID("tomorrow").Known())
	assert.True(t, entrupy.FlagReviewedOK.Known())
	assert.False(t, entrupy.Flag("tomorrow").Known())
	assert.True(t, entrupy.FormFactorLightbox.Known() && entrupy.CategoryApparel.Known() && entrupy.ActivityFingerprint.Known() && entrupy.ModeCompare.Known())
	assert.False(t, entrupy.FormFactor("").Known() || entrupy.ProductCategory("").Known() || entrupy.ActivityName("").Known() || entrupy.ActivityMode("").Known())
}

func FuzzParseAuthentication(f *testing.F) {
	for _, seed := range []string{itemV2, itemV14, minimal + `}`, `{"entrupy_id":"A","status":{"result":{"id":"authentic","final":"true"}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := entrupy.ParseAuthentication(raw)
		if err != nil {
			require.Nil(t, a)
			return
		}
		require.NotEmpty(t, a.ID)
		require.NotEmpty(t, a.Status.Result.ID)
		if a.IsAuthentic() {
			require.Contains(t, string(raw), "true")
		}
	})
}
