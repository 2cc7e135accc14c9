package entrupy

import "github.com/identkit/identkit/webhook"

// SignatureHeader is the header of deliveries that holds their signature.
const SignatureHeader = "Entrupy-Signature"

// NewSignatureVerifier returns a verifier of deliveries for programs with a framework of their own, see [webhook.VerifyRequest].
// [NewWebhookHandler] has one.
//
// A signature is the HMAC-SHA256 of the raw body. The bytes of a key's text are the key: nothing is decoded, whatever it looks like. The
// digest may be written in hex, or in base64 of either alphabet with or without padding, and behind "SHA256:" or "sha256=" in any letter
// case, or nothing. Its encoding is not documented (EN-029). Neither time nor id is signed: a copy of a delivery is not known by its
// signature.
//
// A proxy that decompresses or writes JSON again makes every signature a [webhook.ReasonMismatch].
// Source: webhook guide, and the public handler of an integration; checked 2026-11.
func NewSignatureVerifier(keys *webhook.Keyring) (webhook.Verifier, error) {
	return webhook.NewHMAC(webhook.HMACConfig{Keys: keys, Header: SignatureHeader, Prefixes: []string{"SHA256:", "SHA256="}})
}
