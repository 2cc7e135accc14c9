package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v84/github"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stripe/stripe-go/v84"
	stripewebhook "github.com/stripe/stripe-go/v84/webhook"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
	"github.com/identkit/identkit/webhook/webhooktest"
)

const (
	secret         identkit.Secret = "0123456789abcdef0123456789abcdef"
	standardSecret identkit.Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // the published test key
)

// work verifies and decodes one delivery.
type work func(h http.Header, body []byte) error

// pair is another library and ours on the same delivery.
type pair struct {
	name         string
	body         []byte
	sign         webhooktest.Signer
	theirs, ours work
}

// header makes the headers of a delivery with a valid current timestamp.
func (p *pair) header() http.Header {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://localhost/", nil)
	if err == nil {
		err = p.sign(&webhooktest.Outgoing{Request: r, Body: p.body, ID: "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", Time: time.Now()})
	}
	if err != nil {
		panic(err)
	}
	return r.Header
}

// event is the type of deliveries whose library has none.
type event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		ID     string            `json:"id"`
		State  string            `json:"state"`
		Amount int64             `json:"amount"`
		Labels map[string]string `json:"labels"`
		Notes  []string          `json:"notes"`
	} `json:"data"`
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func keys(s identkit.Secret) *webhook.Keyring {
	return must(webhook.NewKeyring(webhook.Key{Secret: s}))
}

// decoding makes work of a verifier and a decoder.
func decoding(v webhook.Verifier, decode func(d *webhook.Delivery) error) work {
	return func(h http.Header, body []byte) error {
		r := &webhook.Request{Header: h, Body: body, Time: time.Now()}
		receipt, err := webhook.VerifyRequest(context.Background(), v, r)
		if err != nil {
			return err
		}
		return decode(&webhook.Delivery{Request: r, Receipt: receipt})
	}
}

func into[E any](d *webhook.Delivery) error {
	_, err := webhook.JSON[E](d)
	return err
}

// byHand is the usual verification without a library: hmac.New for each delivery.
func byHand() pair {
	cfg := webhook.HMACConfig{Keys: keys(secret), Header: "X-Signature-256", Prefixes: []string{"sha256="}}
	verifier, request := must(webhook.NewHMAC(cfg)), new(webhook.Request)
	key := []byte(secret.Reveal())
	return pair{
		name: "hmac.New by hand, verify only", body: pad(`{"type":"test","padding":"`, `"}`),
		sign: webhooktest.SignHMAC(cfg, secret),
		theirs: func(h http.Header, body []byte) error {
			given, err := hex.DecodeString(strings.TrimPrefix(h.Get("X-Signature-256"), "sha256="))
			if err != nil {
				return err
			}
			mac := hmac.New(sha256.New, key)
			mac.Write(body)
			if !hmac.Equal(mac.Sum(nil), given) {
				return errors.New("signature mismatch")
			}
			return nil
		},
		ours: func(h http.Header, body []byte) error {
			request.Header, request.Body = h, body
			_, err := verifier.Verify(context.Background(), request)
			return err
		},
	}
}

func standardPair() pair {
	theirs := must(standardwebhooks.NewWebhook(standardSecret.Reveal()))
	return pair{
		name: "standard-webhooks", body: eventBody(), sign: webhooktest.SignStandard(standardSecret),
		theirs: func(h http.Header, body []byte) error {
			if err := theirs.Verify(body, h); err != nil {
				return err
			}
			var e event
			return json.Unmarshal(body, &e)
		},
		ours: decoding(must(webhook.NewStandardWebhooks(webhook.StandardConfig{Keys: keys(standardSecret)})), into[event]),
	}
}

func svixPair() pair {
	theirs := must(svix.NewWebhook(standardSecret.Reveal()))
	return pair{
		name: "svix", body: eventBody(), sign: webhooktest.SignStandardAs("svix-", standardSecret),
		theirs: func(h http.Header, body []byte) error {
			if err := theirs.Verify(body, h); err != nil {
				return err
			}
			var e event
			return json.Unmarshal(body, &e)
		},
		ours: decoding(must(webhook.NewStandardWebhooks(webhook.StandardConfig{
			Keys: keys(standardSecret), HeaderPrefix: "svix-",
		})), into[event]),
	}
}

func stripePair() pair {
	cfg := webhook.HMACConfig{
		Keys: keys(secret), Header: "Stripe-Signature", Separator: ",", Prefixes: []string{"v1="}, TimestampPrefix: "t=",
		Content: "{timestamp}.{body}", Encoding: webhook.Hex,
	}
	body := pad(`{"id":"evt_1","object":"event","api_version":"`+stripe.APIVersion+`","created":1777896000,"livemode":false,`+
		`"pending_webhooks":1,"type":"identity.verification_session.verified","request":{"id":"req_1","idempotency_key":"k"},`+
		`"data":{"object":{"id":"vs_1","object":"identity.verification_session","status":"verified","note":"`, `"}}}`)
	return pair{
		name: "stripe-go", body: body, sign: webhooktest.SignHMAC(cfg, secret),
		theirs: func(h http.Header, body []byte) error {
			_, err := stripewebhook.ConstructEvent(body, h.Get("Stripe-Signature"), secret.Reveal())
			return err
		},
		ours: decoding(must(webhook.NewHMAC(cfg)), into[stripe.Event]),
	}
}

func slackPair() pair {
	cfg := webhook.HMACConfig{
		Keys: keys(secret), Header: "X-Slack-Signature", Prefixes: []string{"v0="}, RequirePrefix: true,
		Content: "v0:{timestamp}:{body}", TimestampHeader: "X-Slack-Request-Timestamp", Encoding: webhook.Hex,
	}
	body := pad(`{"token":"t","team_id":"T1","api_app_id":"A1","type":"event_callback","event_id":"Ev1","event_time":1777896000,`+
		`"authed_users":["U1"],"event":{"type":"app_mention","user":"U2","ts":"1777896000.000100","channel":"C1",`+
		`"event_ts":"1777896000.000100","text":"`, `"}}`)
	return pair{
		name: "slack-go", body: body, sign: webhooktest.SignHMAC(cfg, secret),
		theirs: func(h http.Header, body []byte) error {
			v, err := slack.NewSecretsVerifier(h, secret.Reveal())
			if err != nil {
				return err
			}
			if _, err := v.Write(body); err != nil {
				return err
			}
			if err := v.Ensure(); err != nil {
				return err
			}
			_, err = slackevents.ParseEvent(body, slackevents.OptionNoVerifyToken())
			return err
		},
		ours: decoding(must(webhook.NewHMAC(cfg)), func(d *webhook.Delivery) error {
			callback, err := webhook.JSON[slackevents.EventsAPICallbackEvent](d)
			if err != nil {
				return err
			}
			var kind slack.Event
			if err := json.Unmarshal(*callback[0].InnerEvent, &kind); err != nil {
				return err
			}
			if kind.Type != "app_mention" {
				return fmt.Errorf("type %q", kind.Type)
			}
			var mention slackevents.AppMentionEvent
			return json.Unmarshal(*callback[0].InnerEvent, &mention)
		}),
	}
}

func githubPair() pair {
	cfg := webhook.HMACConfig{
		Keys: keys(secret), Header: "X-Hub-Signature-256", Prefixes: []string{"sha256="}, RequirePrefix: true, Encoding: webhook.Hex,
	}
	body := pad(`{"ref":"refs/heads/main","before":"a10867b14bb761a232cd80139fbd4c0d33264240","after":"1481a2de7b2a7d02428ad93446ab166be7793fbb",`+
		`"created":false,"deleted":false,"forced":false,"compare":"https://example.test/compare","pusher":{"name":"jane","email":"jane@example.test"},`+
		`"head_commit":{"id":"1481a2de7b2a7d02428ad93446ab166be7793fbb","added":["a.go","b.go"],"message":"`, `"}}`)
	return pair{
		name: "go-github", body: body, sign: webhooktest.SignHMAC(cfg, secret),
		theirs: func(h http.Header, body []byte) error {
			payload, err := github.ValidatePayloadFromBody("application/json", bytes.NewReader(body), h.Get("X-Hub-Signature-256"), []byte(secret))
			if err != nil {
				return err
			}
			_, err = github.ParseWebHook("push", payload)
			return err
		},
		ours: decoding(must(webhook.NewHMAC(cfg)), into[github.PushEvent]),
	}
}

func pairs() []pair {
	return []pair{byHand(), standardPair(), svixPair(), stripePair(), slackPair(), githubPair()}
}

func eventBody() []byte {
	return pad(`{"type":"order.paid","timestamp":"2026-05-04T12:00:00.123Z","data":{"id":"o-17","state":"paid","amount":1999,`+
		`"labels":{"channel":"web","country":"VN"},"notes":["first","second","`, `"]}}`)
}

// pad fills a body up to 1 KiB.
func pad(front, back string) []byte {
	return []byte(front + strings.Repeat("x", 1024-len(front)-len(back)) + back)
}
