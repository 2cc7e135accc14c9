package entrupy

import (
	"context"
	"net/http"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Authentications reads what Entrupy says about items, and disputes it. There is no upload: pictures are taken by the mobile SDK or by
// Entrupy's own app.
type Authentications struct {
	client *transport.Client
	names  SearchNames
}

// GetParams says what else to read of an authentication. Without it, pictures and catalog data are not promised.
type GetParams struct {
	Images  bool
	Catalog bool
}

func (p GetParams) addTo(r *transport.Request) {
	if p.Images {
		r.AddQuery("include_images", "true")
	}
	if p.Catalog {
		r.AddQuery("include_catalog", "true")
	}
}

// itemResponse is the envelope of a single item.
type itemResponse struct {
	Item *Authentication `json:"item"`
}

func (o *itemResponse) check() error {
	if o.Item == nil {
		return transport.Missing("item")
	}
	return nil
}

// item takes the item out of its envelope.
func (o *itemResponse) item(err error) (*Authentication, error) {
	if err != nil {
		return nil, err
	}
	return o.Item, nil
}

type getInput struct {
	id ID
	GetParams
}

func (in *getInput) request(r *transport.Request) {
	r.Optional("entrupy_id", string(in.id), 0)
	r.Path("entrupy_id", string(in.id))
	in.addTo(r)
}

// same compares ids without regard to case: the vendor's apps write what a person types in upper case.
func (in *getInput) same(o *itemResponse) error {
	return transport.Same("entrupy_id", ID(strings.ToUpper(string(in.id))), ID(strings.ToUpper(string(o.Item.ID))))
}

var getAuthentication = transport.Op[getInput, itemResponse]{
	Name: "entrupy.Authentications.Get", Method: http.MethodGet, Path: "/v2/authentications/{entrupy_id}",
	Retry:   identkit.RetrySafe,
	Request: (*getInput).request,
	Check:   (*itemResponse).check,
	Same:    (*getInput).same,
}

// Get reads an authentication. An unknown id is an [identkit.ErrNotFound]. A response about another authentication is an
// [identkit.ErrBadResponse]. Safe to repeat.
// Source: API reference v2, backend tasks of the iOS SDK; checked 2026-11.
func (s Authentications) Get(ctx context.Context, id ID, p GetParams, opts ...identkit.CallOption) (*Authentication, error) {
	out, err := getAuthentication.Do(ctx, s.client, getInput{id, p}, opts)
	return out.item(err)
}

type lookupInput struct {
	id CustomerItemID
	GetParams
}

func (in *lookupInput) request(r *transport.Request) {
	r.Optional("lookup_value", string(in.id), 0)
	r.Path("lookup_value", string(in.id))
	in.addTo(r)
}

func (in *lookupInput) same(o *itemResponse) error {
	if o.Item.carriedItemID() == "" {
		return nil // which items carry one is not documented
	}
	return transport.Same("customer_item_id", in.id, o.Item.carriedItemID())
}

var lookupAuthentication = transport.Op[lookupInput, itemResponse]{
	Name: "entrupy.Authentications.Lookup", Method: http.MethodGet, Path: "/v2/lookup/authentications/{lookup_value}",
	Retry:   identkit.RetrySafe,
	Request: (*lookupInput).request,
	Check:   (*itemResponse).check,
	Same:    (*lookupInput).same,
}

// Lookup reads the latest authentication of an item, which may be an old one: a capture that has begun may not show yet. All of them are
// found by Search. An item without one is an [identkit.ErrNotFound]. A response that carries another customer item id is an
// [identkit.ErrBadResponse]. Whether p has an effect here is not documented (EN-013). Safe to repeat.
// Source: API reference v2, backend tasks of the iOS SDK; checked 2026-11.
func (s Authentications) Lookup(ctx context.Context, id CustomerItemID, p GetParams, opts ...identkit.CallOption) (*Authentication, error) {
	out, err := lookupAuthentication.Do(ctx, s.client, lookupInput{id, p}, opts)
	return out.item(err)
}

// FlagParams disputes a result.
type FlagParams struct {
	Reason   string `json:"reason"`            // required; its values are not documented
	Comments string `json:"comments,omitzero"` // optional
}

type flagInput struct {
	id ID
	FlagParams
}

func (in *flagInput) request(r *transport.Request) {
	r.Optional("entrupy_id", string(in.id), 0)
	r.Path("entrupy_id", string(in.id))
	r.Text("reason", in.Reason, 0)
	r.Optional("comments", in.Comments, 0)
	r.JSON(in.FlagParams)
}

var flagAuthentication = transport.Op[flagInput, transport.None]{
	Name: "entrupy.Authentications.Flag", Method: http.MethodPost, Path: "/v2/authentications/{entrupy_id}/flag",
	Retry:      identkit.RetryIfNotProcessed, // whether a second flag is the same one is not documented
	Response:   transport.ResponseIgnored,
	Assumption: "EN-014",
	AfterLoss:  "read the authentication's flag",
	Request:    (*flagInput).request,
}

// Flag disputes a result, which is the way to have it looked at again; to submit the item again may cost again. Not every result can be
// flagged. The response is not looked at. How to clear a flag, and how to read the reasons an item allows, is not documented.
//
// It is repeated only if it was surely not processed; after [identkit.ErrOutcomeUnknown] read the authentication.
// Source: API reference v2; checked 2026-11. The path is assumed (EN-014).
func (s Authentications) Flag(ctx context.Context, id ID, p FlagParams, opts ...identkit.CallOption) error {
	return flagAuthentication.Exec(ctx, s.client, flagInput{id, p}, opts)
}
