package powerauthtest

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/powerauth"
)

// CallbackTarget is the name of the delivery of a callback in fault rules:
//
//	srv.Fault(identkittest.On(powerauthtest.CallbackTarget).Nth(2).DuplicateDelivery())
//
// What it can do is DuplicateDelivery (sent again), Reorder (sent after the one that follows), Refuse and Reset (never received),
// LoseResponse (received, and counts as failed) and everything that responds in place of the receiver, such as Status.
const CallbackTarget = "powerauth.Callbacks.Deliver"

// Callback is a subscription to changes. The admin API adds them too.
type Callback struct {
	// Application restricts it to one application; empty means all.
	Application powerauth.ApplicationID
	// Type says what the callback is about.
	Type powerauth.CallbackType
	// URL receives the callbacks, or Handler does, without a network.
	URL     string
	Handler http.Handler
	// Username and Password, or BearerToken, authenticate the sender. The body is not signed.
	Username    string
	Password    identkit.Secret
	BearerToken identkit.Secret
	// Attributes are the members beside the type and the id, such as "status".
	Attributes []string
	// MaxAttempts includes the first attempt. Zero means 1, as in the engine: no retry.
	MaxAttempts int
	// InitialBackoff is the wait before the second attempt; it grows by half each time, up to 32 s. Zero means 2 s.
	InitialBackoff time.Duration
}

type callback struct {
	Callback
	id string
	to *fakeserver.Receiver
}

// AddCallback adds a callback. It panics when the callback has no type or no receiver.
func (s *Server) AddCallback(cb Callback) {
	target, err := url.Parse(cb.URL)
	switch {
	case cb.Type != powerauth.CallbackRegistration && cb.Type != powerauth.CallbackOperation:
		panic("powerauthtest: a callback must be about registrations or operations")
	case cb.Handler == nil && (err != nil || target.Host == ""):
		panic("powerauthtest: a callback needs a handler or an absolute URL")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addCallback(cb)
}

func (s *Server) addCallback(cb Callback) *callback {
	cb.MaxAttempts = cmp.Or(cb.MaxAttempts, 1)
	cb.InitialBackoff = cmp.Or(cb.InitialBackoff, 2*time.Second)
	added := &callback{Callback: cb, id: uuid(), to: s.receiver(cb)}
	s.callbacks = append(s.callbacks, added)
	return added
}

func (s *Server) createCallback(c *fakeserver.Call) {
	var in struct {
		Name           *string                 `json:"name"`
		Type           *string                 `json:"type"`
		URL            *string                 `json:"callbackUrl"`
		Attributes     []string                `json:"attributes"`
		Retention      *string                 `json:"retentionPeriod"`
		InitialBackoff *string                 `json:"initialBackoff"`
		MaxAttempts    *int                    `json:"maxAttempts"`
		Authentication *callbackAuthentication `json:"authentication"`
	}
	check := decode(c, "createCallback", &in)
	cb := Callback{Application: powerauth.ApplicationID(c.PathValue("appId")), URL: value(in.URL), Attributes: in.Attributes, MaxAttempts: value(in.MaxAttempts)}
	target, err := url.Parse(cb.URL)
	kind := powerauth.CallbackType(value(in.Type))
	backoff, okBackoff := parseDuration(value(in.InitialBackoff))
	_, okRetention := parseDuration(value(in.Retention))
	check.filled("name", in.Name)
	// The engine's own name for the registration type is accepted too.
	check.that(kind == powerauth.CallbackRegistration || kind == powerauth.CallbackOperation || kind == "ACTIVATION_STATUS_CHANGE", "type", in.Type, "unknown type")
	check.that(err == nil && target.Host != "", "callbackUrl", nil, "must be a URL")
	check.that(in.MaxAttempts == nil || *in.MaxAttempts >= 1, "maxAttempts", in.MaxAttempts, "must be at least 1")
	check.that(okBackoff, "initialBackoff", in.InitialBackoff, "must be an ISO 8601 duration")
	check.that(okRetention, "retentionPeriod", in.Retention, "must be an ISO 8601 duration")
	for _, name := range in.Attributes {
		check.that(slices.Contains(attributesOf(kind), name), "attributes", name, "unknown attribute")
	}
	authentication := in.Authentication.apply(&cb, check, s.opts.CallbackToken)
	if check.refused(c) || s.findApplication(c) == nil {
		return
	}
	cb.Type, cb.InitialBackoff = powerauth.CallbackOperation, backoff
	if kind != powerauth.CallbackOperation {
		cb.Type = powerauth.CallbackRegistration
	}
	added := s.addCallback(cb)
	s.ok(c, map[string]any{
		"id": added.id, "applicationId": added.Application, "name": *in.Name, "type": kind, "callbackUrl": added.URL,
		"attributes": append([]string{}, added.Attributes...), "authentication": authentication, "maxAttempts": added.MaxAttempts,
	})
}

// callbackAuthentication is how the sender authenticates. Client certificates are accepted and not simulated.
type callbackAuthentication struct {
	Basic *struct {
		Enabled  bool    `json:"enabled"`
		Username *string `json:"username"`
		Password *string `json:"password"`
	} `json:"httpBasic"`
	OAuth2 *struct {
		Enabled      bool    `json:"enabled"`
		TokenURI     *string `json:"tokenUri"`
		ClientID     *string `json:"clientId"`
		ClientSecret *string `json:"clientSecret"`
		Scope        *string `json:"scope"`
	} `json:"oauth2"`
	Certificate map[string]json.RawMessage `json:"certificate"`
}

// apply checks the authentication, sets it on the callback, and returns the part that a response shows.
func (a *callbackAuthentication) apply(cb *Callback, check *rules, token identkit.Secret) map[string]any {
	shown := map[string]any{}
	if a == nil {
		return shown
	}
	if basic := a.Basic; basic != nil && basic.Enabled {
		check.filled("authentication.httpBasic.username", basic.Username)
		check.that(value(basic.Password) != "", "authentication.httpBasic.password", nil, "must not be blank")
		cb.Username, cb.Password = value(basic.Username), identkit.Secret(value(basic.Password))
		shown["httpBasic"] = map[string]any{"enabled": true, "username": cb.Username, "passwordSet": true}
	}
	if oauth := a.OAuth2; oauth != nil && oauth.Enabled {
		check.filled("authentication.oauth2.tokenUri", oauth.TokenURI)
		check.filled("authentication.oauth2.clientId", oauth.ClientID)
		check.that(value(oauth.ClientSecret) != "", "authentication.oauth2.clientSecret", nil, "must not be blank")
		check.that(cb.Username == "", "authentication", nil, "must be one of the methods")
		cb.BearerToken = token
		shown["oauth2"] = map[string]any{"enabled": true, "clientId": value(oauth.ClientID), "clientSecretSet": true}
	}
	return shown
}

// The members that callbacks can be asked for.
var (
	registrationAttributes = []string{
		"userId", "activationName", "deviceInfo", "platform", "protocol", "activationFlags", "activationStatus",
		"blockedReason", "applicationId",
	}
	operationAttributes = []string{
		"userId", "applications", "operationType", "parameters", "additionalData", "activationFlag", "status", "data",
		"failureCount", "maxFailureCount", "signatureType", "authenticationCodeType", "externalId",
		"timestampCreated", "timestampExpires", "timestampFinalized",
	}
)

func attributesOf(kind powerauth.CallbackType) []string {
	if kind == powerauth.CallbackOperation {
		return operationAttributes
	}
	return registrationAttributes
}

// registrationChanged wakes waits for a registration, and queues the callbacks about it. It is called with the lock held.
func (s *Server) registrationChanged(r *registration) {
	s.engine.Changed("registration", string(r.id))
	s.engine.Notify(powerauth.RegistrationKey(r.id))
	for _, cb := range s.callbacks {
		if cb.Type != powerauth.CallbackRegistration || cb.Application != "" && cb.Application != r.app {
			continue
		}
		protocol := "powerauth"
		if r.passkey != nil {
			protocol = "fido2"
		}
		s.enqueue(cb, map[string]any{
			"type": callbackNames[s.opts.Dialect.CallbackTypes][0], "activationId": r.id,
			"userId": r.user, "activationName": nullIfEmpty(r.phone.Name), "deviceInfo": nullIfEmpty(r.phone.DeviceInfo),
			"platform": nullIfEmpty(r.phone.Platform),
			"protocol": protocol, "activationFlags": append([]string{}, r.flags...), "activationStatus": r.status,
			"blockedReason": nullIfEmpty(r.blocked), "applicationId": r.app,
		}, "activationId")
	}
}

// operationChanged wakes waits for an operation, and queues the callbacks about it. It is called with the lock held.
func (s *Server) operationChanged(o *operation) {
	s.engine.Changed("operation", string(o.id))
	s.engine.Notify(powerauth.OperationKey(o.id))
	for _, cb := range s.callbacks {
		apps := s.applicationsOf(o)
		if cb.Type != powerauth.CallbackOperation || cb.Application != "" && !slices.Contains(apps, cb.Application) {
			continue
		}
		s.enqueue(cb, map[string]any{
			"type": callbackNames[s.opts.Dialect.CallbackTypes][1], "operationId": o.id,
			"userId": nullIfEmpty(string(o.user)), "applications": apps, "operationType": o.kind, "parameters": maps.Clone(o.parameters),
			"additionalData": maps.Clone(o.additional), "activationFlag": nullIfEmpty(o.flag), "status": o.status, "data": o.data,
			"failureCount": o.failures, "maxFailureCount": o.maxFailures, "externalId": nullIfEmpty(o.externalID),
			"signatureType": nullIfEmpty(s.factorText(o.factors)), "authenticationCodeType": nullIfEmpty(s.factorText(o.factors)),
			"timestampCreated": o.created, "timestampExpires": o.expires, "timestampFinalized": o.finalized,
		}, "operationId")
	}
}

// applicationsOf are the applications of an operation: that of its device, those of its user, or all there are.
func (s *Server) applicationsOf(o *operation) []powerauth.ApplicationID {
	var apps []powerauth.ApplicationID
	for _, r := range s.registrations {
		mine := o.registration == r.id || o.registration == "" && o.user != "" && o.user == r.user
		if mine && !slices.Contains(apps, r.app) {
			apps = append(apps, r.app)
		}
	}
	if apps == nil {
		for id := range s.applications {
			apps = append(apps, id)
		}
	}
	slices.Sort(apps)
	return apps
}

// callbackNames are the types of callbacks about registrations and operations.
var callbackNames = map[CallbackTypes][2]any{
	TypesShort:              {"ACTIVATION", "OPERATION"},
	TypesActivationChange:   {"ACTIVATION_STATUS_CHANGE", "OPERATION_STATUS_CHANGE"},
	TypesRegistrationChange: {"REGISTRATION_STATUS_CHANGE", "OPERATION_STATUS_CHANGE"},
}

// enqueue selects the members that a callback asked for and queues it for now.
func (s *Server) enqueue(cb *callback, members map[string]any, id string) {
	chosen := map[string]any{id: members[id]}
	if members["type"] != nil {
		chosen["type"] = members["type"]
	}
	for _, name := range cb.Attributes {
		member, ok := members[name]
		switch {
		case !ok:
		case name == "activationFlag" && !s.opts.Dialect.ActivationFlagAlways && !strings.Contains(cb.URL, name):
		case name == "applications" && s.opts.Dialect.CallbackApplications == ApplicationsText:
			var ids []string
			for _, id := range member.([]powerauth.ApplicationID) {
				ids = append(ids, string(id))
			}
			chosen[name] = "[" + strings.Join(ids, ", ") + "]"
		case name == "applications" && s.opts.Dialect.CallbackApplications == ApplicationsSingle:
			if apps := member.([]powerauth.ApplicationID); len(apps) > 0 {
				chosen["applicationId"] = apps[0]
			}
		default:
			chosen[name] = member
		}
	}
	s.engine.Send(fakeserver.Outgoing{
		ID: uuid(), To: cb.to, Header: s.callbackHeader,
		Body: func(attempt int) []byte { return s.callbackBody(chosen, attempt) },
	})
}

func nullIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}
