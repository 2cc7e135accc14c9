package powerauthtest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
	"github.com/identkit/identkit/powerauth/protocol"
)

// Request is what a phone signs.
type Request struct {
	Method string
	// URIID is the constant that app and backend agreed on.
	URIID string
	// Body is signed for every method but GET.
	Body []byte
	// Query is the raw query string, signed for GET.
	Query string
}

// Sign computes the value of X-PowerAuth-Authorization for a request, with possession and the factors of the user's
// input. The counter advances whether the value is used or not, so values must reach the server in the order of signing.
func (d *Device) Sign(in Request, user ...UserInput) (string, error) {
	data := in.Body
	if in.Method == http.MethodGet || in.Method == "" {
		query, err := protocol.CanonicalQuery(in.Query)
		if err != nil {
			return "", err
		}
		data = []byte(query)
	}
	nonce := randomBytes(pacrypto.NonceSize)
	base := protocol.SignatureBaseString(in.Method, in.URIID, nonce, data)
	input := collect(user)

	p := d.state()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.grant == nil {
		return "", ErrNotActivated
	}
	code, err := p.code(input, func(keys []pacrypto.Key, ctr pacrypto.Counter) (string, error) {
		return requestCode(p.opts.Version, pacrypto.CodeData(base, p.grant.appSecret), keys, ctr)
	})
	if err != nil {
		return "", err
	}
	return FormatAuthorizationHeader(&protocol.AuthorizationHeader{
		ActivationID: protocol.ActivationID(p.grant.id), ApplicationKey: p.grant.appKey, Nonce: pacrypto.EncodeBase64(nonce),
		Factors: input.factors(), Code: identkit.Secret(code), Version: p.opts.Version,
	}), nil
}

// SignRequest signs a request as it is about to be sent and sets its header. The body must be replayable (GetBody), as
// http.NewRequest makes it from bytes and strings.
func (d *Device) SignRequest(r *http.Request, uriID string, user ...UserInput) error {
	in := Request{Method: r.Method, URIID: uriID, Query: r.URL.RawQuery}
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return errors.New("powerauthtest: the body of the request is not replayable")
		}
		body, err := r.GetBody()
		if err != nil {
			return fmt.Errorf("powerauthtest: read the body: %w", err)
		}
		if in.Body, err = io.ReadAll(body); err != nil {
			return fmt.Errorf("powerauthtest: read the body: %w", err)
		}
	}
	value, err := d.Sign(in, user...)
	if err != nil {
		return err
	}
	r.Header.Set(protocol.AuthorizationHeaderName, value)
	return nil
}

// code computes a code with the keys that the user unlocks, and advances the counter.
func (p *phone) code(input inputs, compute func([]pacrypto.Key, pacrypto.Counter) (string, error)) (string, error) {
	keys := pacrypto.Keys{Possession: p.possession, Biometry: p.biometry}
	if input.pin != nil {
		keys.Knowledge = p.knowledge.open(*input.pin)
	}
	chosen, err := keys.For(string(input.factors()))
	if err != nil {
		return "", err
	}
	code, err := compute(chosen, p.counter)
	p.counter = p.counter.Next()
	return code, err
}

// OfflineCode reads the QR code of an offline operation, verifies its signature with the key it names, and computes the code that
// the user copies. It needs a PIN, or biometry if the operation allows it.
//
// Errors: those of protocol.ParseOfflineQR, [protocol.ErrSignature], [ErrNotAllowed].
func (d *Device) OfflineCode(qrText string, user ...UserInput) (identkit.Secret, error) {
	qr, err := protocol.ParseOfflineQR(qrText)
	if err != nil {
		return "", err
	}
	base, err := offlineBaseString(qr)
	if err != nil {
		return "", err
	}
	input := collect(user)
	if input.biometry && (input.pin != nil || !qr.Flags.Has(protocol.OfflineFlagBiometry)) || !input.biometry && input.pin == nil {
		return "", ErrNotAllowed
	}
	p := d.state()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.grant == nil {
		return "", ErrNotActivated
	}
	key := p.master
	if qr.KeyType == protocol.OfflineKeyPersonalized {
		key = p.serverKey
	}
	if err := qr.Verify(key); err != nil {
		return "", err
	}
	code, err := p.code(input, func(keys []pacrypto.Key, ctr pacrypto.Counter) (string, error) {
		return pacrypto.DecimalCode(pacrypto.CodeData(base, pacrypto.OfflineSecret), keys, ctr, codeDigits)
	})
	return identkit.Secret(code), err
}

// Token authenticates a phone by possession without using its counter. It is safe for concurrent use. Printing it shows its id alone.
type Token struct {
	id     protocol.TokenID
	header func() string // closes over the secret
}

// CreateToken asks the server for a token, by a request signed with possession and the factors of the user's input.
//
// Errors: [ErrInvalidCode], [ErrState].
func (d *Device) CreateToken(user ...UserInput) (*Token, error) {
	var created *token
	s, version := d.state().server, d.state().opts.Version
	err := d.call("/pa/token/create", nil, func(c *signedCall) error {
		created = &token{id: protocol.TokenID(uuid()), secret: pacrypto.Key(randomBytes(pacrypto.KeySize)), registration: c.registration, factors: c.factors}
		s.tokens[created.id] = created
		return nil
	}, user)
	if err != nil {
		return nil, err
	}
	return &Token{id: created.id, header: func() string {
		return tokenHeader(created.id, created.secret, version, s.engine.Clock().Now().UnixMilli())
	}}, nil
}

func tokenHeader(id protocol.TokenID, secret pacrypto.Key, version string, millis int64) string {
	nonce, at := randomBytes(pacrypto.NonceSize), strconv.FormatInt(millis, 10)
	digest := must(pacrypto.TokenDigest(secret, nonce, at, version))
	return FormatTokenHeader(&protocol.TokenHeader{
		TokenID: id, Digest: identkit.Secret(pacrypto.EncodeBase64(digest)), Nonce: pacrypto.EncodeBase64(nonce),
		TimestampText: at, Version: version,
	})
}

// ID is the token's id.
func (t *Token) ID() protocol.TokenID { return t.id }

// Header computes a value of X-PowerAuth-Token, a new one each time, with the time of the fake's clock.
func (t *Token) Header() string { return t.header() }

// SignRequest sets the header of a request.
func (t *Token) SignRequest(r *http.Request) { r.Header.Set(protocol.TokenHeaderName, t.Header()) }

// Format prints the token's id, whatever the verb.
func (t *Token) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "powerauthtest.Token("+string(t.id)+")")
}
