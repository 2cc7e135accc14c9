package webhooktest

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/identkit/identkit"
)

// SignStandard signs by Standard Webhooks with a symmetric key (whsec_…). Given several keys, it lists a signature
// for each, as a sender does during a rotation.
func SignStandard(secrets ...identkit.Secret) Signer {
	return SignStandardAs("webhook-", secrets...)
}

// SignStandardAs is [SignStandard] with another prefix of the header names, such as "svix-".
func SignStandardAs(headerPrefix string, secrets ...identkit.Secret) Signer {
	return func(o *Outgoing) error {
		var list []string
		for _, secret := range secrets {
			key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), "whsec_"))
			if err != nil {
				return errors.New("webhooktest: the key is not base64")
			}
			mac := hmac.New(sha256.New, key)
			mac.Write(standardContent(o))
			list = append(list, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		}
		setStandard(o, headerPrefix, strings.Join(list, " "))
		return nil
	}
}

// SignStandardEd25519 signs by Standard Webhooks with an asymmetric key (v1a). The verifier's key is "whpk_" and the
// public half in base64: see [PublicKey].
func SignStandardEd25519(private ed25519.PrivateKey) Signer {
	return func(o *Outgoing) error {
		if len(private) != ed25519.PrivateKeySize {
			return errors.New("webhooktest: not an ed25519 private key")
		}
		signature := ed25519.Sign(private, standardContent(o))
		setStandard(o, "webhook-", "v1a,"+base64.StdEncoding.EncodeToString(signature))
		return nil
	}
}

// PublicKey writes the public half of a key in the form that a verifier reads: whpk_….
func PublicKey(private ed25519.PrivateKey) identkit.Secret {
	public, _ := private.Public().(ed25519.PublicKey)
	return identkit.Secret("whpk_" + base64.StdEncoding.EncodeToString(public))
}

func standardContent(o *Outgoing) []byte {
	return append([]byte(o.ID+"."+strconv.FormatInt(o.Time.Unix(), 10)+"."), o.Body...)
}

func setStandard(o *Outgoing, headerPrefix, signatures string) {
	header := o.Request.Header
	header.Set(headerPrefix+"id", o.ID)
	header.Set(headerPrefix+"timestamp", strconv.FormatInt(o.Time.Unix(), 10))
	header.Set(headerPrefix+"signature", signatures)
}
