package entrupytest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/identkit/identkit/entrupy"
)

// Item is an authentication in the fake.
type Item struct {
	ID             entrupy.ID             // empty: a random one
	CustomerItemID entrupy.CustomerItemID // optional
	Username       entrupy.Username       // whose app captures it; optional
	Category       entrupy.ProductCategory
	FormFactor     entrupy.FormFactor
	Brand          string
	Material       string
	ItemType       string
	TextFields     map[string]string // beside the customer's id
	Result         entrupy.Result
	InitialResult  *entrupy.Result
	Flag           entrupy.Flag
	NotFlaggable   bool
	Created        time.Time
	Updated        time.Time
}

// samples are what a captured item is, by category.
var samples = map[entrupy.ProductCategory]Item{
	entrupy.CategoryLuxury:   {FormFactor: entrupy.FormFactorMicroscopic, Brand: "Acme", Material: "Canvas", TextFields: map[string]string{"date_code": "SD1234"}},
	entrupy.CategorySneakers: {FormFactor: entrupy.FormFactorLightbox, Brand: "Runner", TextFields: map[string]string{"style_code": "AB-1", "us_size": "9.5"}},
	entrupy.CategoryApparel:  {FormFactor: entrupy.FormFactorFreeCamera, Brand: "Weaver", ItemType: "Shirt"},
}

// Capture simulates a capture by the app: the item is received, and not final. What is empty is that of a sample of its category, which is
// luxury if it is empty, too.
func (s *Server) Capture(item Item) entrupy.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.engine.Clock().Now()
	item.Category = cmp.Or(item.Category, entrupy.CategoryLuxury)
	sample := samples[item.Category]
	item.ID = cmp.Or(item.ID, entrupy.ID(rand.Text()[:7]))
	item.FormFactor, item.Brand = cmp.Or(item.FormFactor, sample.FormFactor), cmp.Or(item.Brand, sample.Brand)
	item.Material, item.ItemType = cmp.Or(item.Material, sample.Material), cmp.Or(item.ItemType, sample.ItemType)
	if item.TextFields == nil {
		item.TextFields = sample.TextFields
	}
	item.TextFields = maps.Clone(item.TextFields)
	item.Result.ID = cmp.Or(item.Result.ID, entrupy.ResultReceived)
	if item.Created.IsZero() {
		item.Created = now
	}
	if item.Updated.IsZero() {
		item.Updated = item.Created
	}
	s.items = append(s.items, &item)
	s.changed(&item)
	return item.ID
}

// Complete simulates the inspector: the item gets a final result. Webhooks deliver it.
func (s *Server) Complete(id entrupy.ID, result entrupy.ResultID) error {
	return s.change(id, func(it *Item) error {
		if it.Result.Final {
			return fmt.Errorf("entrupytest: %s has a final result; Reverse changes it", it.ID)
		}
		return it.settle(result)
	})
}

// Reverse gives an item with a final result another one, as Entrupy may do.
func (s *Server) Reverse(id entrupy.ID, result entrupy.ResultID) error {
	return s.change(id, func(it *Item) error {
		if !it.Result.Final || it.Result.ID == result {
			return fmt.Errorf("entrupytest: %s has no other final result to reverse", it.ID)
		}
		return it.settle(result)
	})
}

func (it *Item) settle(result entrupy.ResultID) error {
	if result == "" {
		return fmt.Errorf("entrupytest: no result for %s", it.ID)
	}
	it.Result = entrupy.Result{ID: result, Final: true, Display: strings.ToUpper(string(result[:1])) + string(result[1:])}
	if result == entrupy.ResultInvalid {
		it.Result.Reason = "blurry"
	}
	if it.InitialResult == nil {
		first := it.Result
		it.InitialResult = &first
	}
	return nil
}

// SetResult gives an item any result, such as a pending one.
func (s *Server) SetResult(id entrupy.ID, result entrupy.Result) error {
	return s.change(id, func(it *Item) error {
		it.Result = result
		return nil
	})
}

// SetFlag simulates the support, which resolves flags.
func (s *Server) SetFlag(id entrupy.ID, flag entrupy.Flag) error {
	return s.change(id, func(it *Item) error {
		it.Flag = flag
		return nil
	})
}

// Item is the authentication with an id.
func (s *Server) Item(id entrupy.ID) (Item, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it := s.find(id); it != nil {
		item := *it
		item.TextFields = maps.Clone(it.TextFields) // the caller's own
		return item, true
	}
	return Item{}, false
}

func (s *Server) find(id entrupy.ID) *Item {
	i := slices.IndexFunc(s.items, func(it *Item) bool { return strings.EqualFold(string(it.ID), string(id)) })
	if i < 0 {
		return nil
	}
	return s.items[i]
}

func (s *Server) change(id entrupy.ID, change func(*Item) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.find(id)
	if it == nil {
		return fmt.Errorf("entrupytest: no item %q", id)
	}
	if err := change(it); err != nil {
		return err
	}
	it.Updated = s.engine.Clock().Now()
	s.changed(it)
	return nil
}

// changed wakes waits for an item, and queues the deliveries about it. It is called with the lock held.
func (s *Server) changed(it *Item) {
	s.engine.Changed("authentication", string(it.ID))
	s.engine.Notify(entrupy.AuthenticationKey(it.ID))
	s.engine.Notify(entrupy.CustomerItemKey(it.CustomerItemID))
	s.deliver(it)
}

type object = map[string]any

// v2 is the item in the format of v2.
func (s *Server) v2(it *Item, images, catalog bool) object {
	d := s.opts.Dialect
	properties := object{"customer_item_id": nullIfEmpty(string(it.CustomerItemID))}
	brand, category := "brand", "category"
	if d.BrandNames {
		brand, category = "brand_name", "category_name"
	}
	properties[brand], properties[category] = it.Brand, string(it.Category)
	if it.Material != "" {
		properties["material"] = it.Material
	}
	timestamp := object{"created_at": it.Created.UTC().Format(time.RFC3339Nano)}
	if !d.WithoutUpdated {
		timestamp["last_updated_at"] = it.Updated.UTC().Format(time.RFC3339Nano)
	}
	status := object{"result": s.result(it.Result, false), "flag": nullIfEmpty(string(it.Flag))}
	if it.InitialResult != nil {
		status["initial_result"] = s.result(*it.InitialResult, false)
	}
	out := object{
		"entrupy_id": it.ID, "status": status, "properties": properties, "timestamp": timestamp,
		"owner":       object{"organization_id": "org-1", "user_id": "usr-" + string(it.Username)},
		"activity":    object{"name": "authentication", "mode": "standard_authentication", "form_factor": it.FormFactor, "product_category": it.Category},
		"text_fields": it.TextFields, "images": nil, "catalog": nil, "fingerprint_parent": nil,
	}
	if it.isAuthentic() {
		out["certificate"] = object{"certificate_id": "c-" + it.ID, "url": "https://cert.example.org/" + string(it.ID)}
	}
	address := "https://images.example.org/" + string(it.ID) + "/front"
	switch {
	case images && d.ImagesAsArray:
		out["images"] = []object{{"type": "front", "url": address}}
	case images:
		out["images"] = object{"front": address}
	}
	if catalog && it.Result.Final {
		out["catalog"] = object{
			"product_information":  object{"brand": it.Brand, "category": it.Category, "material": it.Material},
			"condition_assessment": object{"score": 8.5, "rating": "good", "issues": []string{}, "details": object{"exterior": "light wear"}},
			"marketplace_listings": []object{{"platform": "Market", "title": it.Brand, "price": "100.00", "currency": "USD", "link": "https://market.example.org/1", "confidence": 0.9}},
		}
	}
	return out
}

// v14 is the item in the format of 1.4.
func (s *Server) v14(it *Item) object {
	named := func(text string) object {
		return object{"id": strings.ToLower(text), "display": text}
	}
	texts := maps.Clone(it.TextFields)
	if it.CustomerItemID != "" {
		if texts == nil {
			texts = map[string]string{}
		}
		texts["customer_item_id"] = string(it.CustomerItemID)
	}
	properties := object{"brand": named(it.Brand)}
	if it.Material != "" {
		properties["material"] = named(it.Material)
	}
	if it.ItemType != "" {
		properties["item_type"] = named(it.ItemType)
	}
	out := object{
		"entrupy_id": it.ID, "properties": properties, "text_fields": texts,
		"activity":  object{"name": "authentication", "form_factor": it.FormFactor, "product_category": it.Category},
		"owner":     object{"organization": object{"name": s.opts.Organization}, "user": object{"username": it.Username}},
		"status":    object{"flag": nullIfEmpty(string(it.Flag)), "result": s.result(it.Result, true)},
		"timestamp": object{"display": it.Created.UTC().Format(time.RFC1123), "epoch": float64(it.Created.UnixMilli()) / 1000},
	}
	if it.isAuthentic() {
		page := "https://cert.example.org/" + string(it.ID)
		out["certificate"] = object{"site": page, "preview": page + ".jpg"}
	}
	return out
}

func (s *Server) result(r entrupy.Result, display bool) object {
	out := object{"id": r.ID}
	if r.Final || !s.opts.Dialect.WithoutFinal {
		out["final"] = r.Final
	}
	if display {
		out["display"] = r.Display
		if r.ID == entrupy.ResultInvalid {
			out["reason"] = r.Reason
		}
	}
	return out
}

func (it *Item) isAuthentic() bool { return it.Result.Final && it.Result.ID == entrupy.ResultAuthentic }

func nullIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}
