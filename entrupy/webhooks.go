package entrupy

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/transport"
)

// Webhooks manages subscriptions to deliveries. That there are such calls is documented, their paths and members are not (EN-019 to EN-023);
// Client.Call reaches what differs. [NewWebhookHandler] receives deliveries.
type Webhooks struct {
	client *transport.Client
	names  WebhookNames
}

// WebhookID is Entrupy's id of a subscription.
type WebhookID string

// Channel is what a subscription is about.
type Channel string

// ChannelAuthentications is the only channel that a source names.
const ChannelAuthentications Channel = "authentications"

// WebhookNames replaces the names of members in requests about subscriptions. Empty ones have the defaults (EN-019).
type WebhookNames struct {
	URL       string // default url
	SecretKey string // default secret_key
	Channel   string // default channel
}

func (n WebhookNames) complete() WebhookNames {
	return WebhookNames{cmp.Or(n.URL, "url"), cmp.Or(n.SecretKey, "secret_key"), cmp.Or(n.Channel, "channel")}
}

// Webhook is a subscription. Its secret is never part of a response that a source shows.
type Webhook struct {
	identkit.Raw `json:"-"`

	ID      WebhookID `json:"id"` // empty when the response has none under a name that is known
	URL     string    `json:"url"`
	Channel Channel   `json:"channel"`
}

// webhookBody is a subscription under the names that are likely, in an envelope or not.
type webhookBody struct {
	identkit.Raw `json:"-"`

	ID        WebhookID    `json:"id"`
	WebhookID WebhookID    `json:"webhook_id"`
	URL       string       `json:"url"`
	Channel   Channel      `json:"channel"`
	Item      *webhookBody `json:"item"`
	Webhook   *webhookBody `json:"webhook"`
}

func (b *webhookBody) webhook() *Webhook {
	raw := b.RawJSON()
	for b.Item != nil || b.Webhook != nil {
		b = cmp.Or(b.Item, b.Webhook)
	}
	w := &Webhook{ID: cmp.Or(b.ID, b.WebhookID), URL: b.URL, Channel: b.Channel}
	transport.KeepRaw(w, raw)
	return w
}

// CreateWebhookParams subscribes an address.
type CreateWebhookParams struct {
	// APIVersion is sent as Api-Version and fixes the format of all deliveries of the subscription for ever. Required: 1.4, or what the v2
	// reference says at the time.
	APIVersion string
	// URL receives the deliveries. The domain must have been verified, see [Domains]. Required.
	URL string
	// SecretKey is chosen by the caller and signs the deliveries. Required.
	SecretKey identkit.Secret
	// Channel is what the subscription is about; empty means ChannelAuthentications.
	Channel Channel
}

type createWebhookInput struct {
	CreateWebhookParams
	names WebhookNames
}

func (in *createWebhookInput) request(r *transport.Request) {
	r.Text("APIVersion", in.APIVersion, 0)
	checkWord(&r.Check, "APIVersion", in.APIVersion)
	r.Header = http.Header{headerVersion: {in.APIVersion}}
	checkWebhookURL(&r.Check, in.URL)
	r.Secret("secret_key", in.SecretKey)
	r.JSON(map[string]any{
		in.names.URL: in.URL, in.names.SecretKey: in.SecretKey, in.names.Channel: cmp.Or(in.Channel, ChannelAuthentications),
	})
}

func checkWebhookURL(c *transport.Check, address string) {
	c.Optional("url", address, 0)
	u, err := url.Parse(address)
	c.That(err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http"), "url", "is not the address of an endpoint")
}

var createWebhook = transport.Op[createWebhookInput, webhookBody]{
	Name: "entrupy.Webhooks.Create", Method: http.MethodPost, Path: "/v2/webhooks",
	Retry:      identkit.RetryIfNotProcessed, // a second one would deliver everything again
	Assumption: "EN-020",
	AfterLoss:  "list the subscriptions",
	Request:    (*createWebhookInput).request,
}

// Create subscribes an address to deliveries. Several subscriptions are allowed, such as one for each stage.
//
// It is repeated only if it was surely not processed; after [identkit.ErrOutcomeUnknown] list the subscriptions: two of them deliver
// everything two times.
// Source: webhook guide; path and members from a public plan, checked 2026-11, are assumed (EN-019, EN-020).
func (s Webhooks) Create(ctx context.Context, in CreateWebhookParams, opts ...identkit.CallOption) (*Webhook, error) {
	b, err := createWebhook.Do(ctx, s.client, createWebhookInput{in, s.names.complete()}, opts)
	if err != nil {
		return nil, err
	}
	return b.webhook(), nil
}

// webhookList holds a list under one of the likely names.
type webhookList struct {
	Items    []webhookBody `json:"items"`
	Webhooks []webhookBody `json:"webhooks"`
}

func (l *webhookList) check() error {
	if l.Items == nil && l.Webhooks == nil {
		return transport.Missing("items")
	}
	return nil
}

var listWebhooks = transport.Op[transport.None, webhookList]{
	Name: "entrupy.Webhooks.List", Method: http.MethodGet, Path: "/v2/webhooks",
	Retry:      identkit.RetrySafe,
	Assumption: "EN-021",
	Check:      (*webhookList).check,
}

// List reads all subscriptions. Safe to repeat. The call is assumed (EN-021).
func (s Webhooks) List(ctx context.Context, opts ...identkit.CallOption) ([]*Webhook, error) {
	l, err := listWebhooks.Do(ctx, s.client, transport.None{}, opts)
	if err != nil {
		return nil, err
	}
	all := []*Webhook{}
	for _, list := range [][]webhookBody{l.Items, l.Webhooks} {
		for i := range list {
			all = append(all, list[i].webhook())
		}
	}
	return all, nil
}

// UpdateWebhookParams changes a subscription. Empty members stay as they are; at least one is needed.
type UpdateWebhookParams struct {
	URL       string
	SecretKey identkit.Secret
}

type updateWebhookInput struct {
	id WebhookID
	UpdateWebhookParams
	names WebhookNames
}

func (in *updateWebhookInput) request(r *transport.Request) {
	r.Path("webhook_id", string(in.id))
	r.That(in.UpdateWebhookParams != UpdateWebhookParams{}, "url", "is empty, and so is secret_key")
	body := map[string]any{}
	if in.URL != "" {
		checkWebhookURL(&r.Check, in.URL)
		body[in.names.URL] = in.URL
	}
	if in.SecretKey != "" {
		r.Secret("secret_key", in.SecretKey)
		body[in.names.SecretKey] = in.SecretKey
	}
	r.JSON(body)
}

var updateWebhook = transport.Op[updateWebhookInput, transport.None]{
	Name: "entrupy.Webhooks.Update", Method: http.MethodPatch, Path: "/v2/webhooks/{webhook_id}",
	Retry:      identkit.RetrySafe, // the same values again
	Response:   transport.ResponseIgnored,
	Assumption: "EN-022",
	Request:    (*updateWebhookInput).request,
}

// Update changes address or secret of a subscription; the format of its deliveries cannot be changed. Safe to repeat. The call is assumed
// (EN-022).
func (s Webhooks) Update(ctx context.Context, id WebhookID, in UpdateWebhookParams, opts ...identkit.CallOption) error {
	return updateWebhook.Exec(ctx, s.client, updateWebhookInput{id, in, s.names.complete()}, opts)
}

var deleteWebhook = transport.Op[WebhookID, transport.None]{
	Name: "entrupy.Webhooks.Delete", Method: http.MethodDelete, Path: "/v2/webhooks/{webhook_id}",
	Retry:      identkit.RetrySafe,
	Response:   transport.ResponseIgnored,
	Assumption: "EN-023",
	Request:    func(id *WebhookID, r *transport.Request) { r.Path("webhook_id", string(*id)) },
}

// Delete ends a subscription. Safe to repeat, but a second delete may be an [identkit.ErrRejected], also when the response to the first was
// lost. The call is assumed (EN-023).
func (s Webhooks) Delete(ctx context.Context, id WebhookID, opts ...identkit.CallOption) error {
	return deleteWebhook.Exec(ctx, s.client, id, opts)
}
