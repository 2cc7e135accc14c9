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

// Sign computes the value of X-PowerAuth-Authorization for a request, with possession and the factors of the proofs. The counter
// moves on whether the value is used or not, so values must reach the server in the order they were made.
func (d *Device) Sign(in Request, proofs ...Proof) (string, error) {
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
	user := gather(proofs)

	p := d.state()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.grant == nil {
		return "", ErrNotActivated
	}
	code, err := p.code(user, func(keys []pacrypto.Key, ctr pacrypto.Counter) (string, error) {
		return requestCode(p.opts.Version, pacrypto.CodeData(base, p.grant.appSecret), keys, ctr)
	})
	if err != nil {
		return "", err
	}
	return FormatAuthorizationHeader(&protocol.AuthorizationHeader{
		ActivationID: protocol.ActivationID(p.grant.id), ApplicationKey: p.grant.appKey, Nonce: pacrypto.EncodeBase64(nonce),
		Factors: user.factors(), Code: identkit.Secret(code), Version: p.opts.Version,
	}), nil
}

// SignRequest signs a request as it is about to be sent and sets its header. A body must be one that can be read again, as
// http.NewRequest makes it from bytes and texts.
func (d *Device) SignRequest(r *http.Request, uriID string, proofs ...Proof) error {
	in := Request{Method: r.Method, URIID: uriID, Query: r.URL.RawQuery}
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return errors.New("powerauthtest: the body of the request can be read only once")
		}
		body, err := r.GetBody()
		if err != nil {
			return fmt.Errorf("powerauthtest: read the body: %w", err)
		}
		if in.Body, err = io.ReadAll(body); err != nil {
			return fmt.Errorf("powerauthtest: read the body: %w", err)
		}
	}
	value, err := d.Sign(in, proofs...)
	if err != nil {
		return err
	}
	r.Header.Set(protocol.AuthorizationHeaderName, value)
	return nil
}

// code computes a code with the keys that the user unlocks, and moves the counter on.
func (p *phone) code(user given, compute func([]pacrypto.Key, pacrypto.Counter) (string, error)) (string, error) {
	keys := pacrypto.Keys{Possession: p.possession, Biometry: p.biometry}
	if user.pin != nil {
		keys.Knowledge = p.knowledge.open(*user.pin)
	}
	chosen, err := keys.For(string(user.factors()))
	if err != nil {
		return "", err
	}
	code, err := compute(chosen, p.counter)
	p.counter = p.counter.Next()
	return code, err
}

// OfflineCode reads the QR code of an offline operation, verifies its signature with the key it names, and computes the code that
// the user copies. It takes a PIN, or biometry where the operation allows it.
//
// Errors: those of [protocol.ParseOfflineQR], [protocol.ErrSignature], [ErrNotAllowed].
func (d *Device) OfflineCode(qrText string, proofs ...Proof) (identkit.Secret, error) {
	qr, err := protocol.ParseOfflineQR(qrText)
	if err != nil {
		return "", err
	}
	base, err := offlineBaseString(qr)
	if err != nil {
		return "", err
	}
	user := gather(proofs)
	if user.biometry && (user.pin != nil || !qr.Flags.Has(protocol.OfflineFlagBiometry)) || !user.biometry && user.pin == nil {
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
	code, err := p.code(user, func(keys []pacrypto.Key, ctr pacrypto.Counter) (string, error) {
		return pacrypto.DecimalCode(pacrypto.CodeData(base, pacrypto.OfflineSecret), keys, ctr, codeDigits)
	})
	return identkit.Secret(code), err
}

// Token lets a phone prove possession without using its counter up. It is safe for concurrent use. Printing it shows its id alone.
type Token struct {
	id     protocol.TokenID
	header func() string // closes over the secret
}

// CreateToken asks the server for a token, by a request signed with possession and the factors of the proofs.
//
// Errors: [ErrRefused], [ErrState].
func (d *Device) CreateToken(proofs ...Proof) (*Token, error) {
	var made *token
	s, version := d.state().server, d.state().opts.Version
	err := d.present("/pa/token/create", nil, func(c *presented) error {
		made = &token{id: protocol.TokenID(uuid()), secret: pacrypto.Key(randomBytes(pacrypto.KeySize)), registration: c.registration, factors: c.factors}
		s.tokens[made.id] = made
		return nil
	}, proofs)
	if err != nil {
		return nil, err
	}
	return &Token{id: made.id, header: func() string {
		return tokenHeader(made.id, made.secret, version, s.engine.Clock().Now().UnixMilli())
	}}, nil
}

func tokenHeader(id protocol.TokenID, secret pacrypto.Key, version string, millis int64) string {
	nonce, at := randomBytes(pacrypto.NonceSize), strconv.FormatInt(millis, 10)
	digest, err := pacrypto.TokenDigest(secret, nonce, at, version)
	if err != nil {
		panic("powerauthtest: " + err.Error()) // the version was checked
	}
	return FormatTokenHeader(&protocol.TokenHeader{
		TokenID: id, Digest: identkit.Secret(pacrypto.EncodeBase64(digest)), Nonce: pacrypto.EncodeBase64(nonce),
		TimestampText: at, Version: version,
	})
}

// ID is the token's id.
func (t *Token) ID() protocol.TokenID { return t.id }

// Header computes a value of X-PowerAuth-Token, another one each time, with the time of the fake's clock.
func (t *Token) Header() string { return t.header() }

// SignRequest sets the header of a request.
func (t *Token) SignRequest(r *http.Request) { r.Header.Set(protocol.TokenHeaderName, t.Header()) }

// Format prints the token's id, whatever the verb.
func (t *Token) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "powerauthtest.Token("+string(t.id)+")")
}
