package webhooktest

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/webhook"
)

// SignHMAC signs with a shared key for the configuration of a verifier: with the first of its prefixes, as hex unless it has
// base64. The configuration's Keys are not used.
func SignHMAC(cfg webhook.HMACConfig, secret identkit.Secret) Signer {
	return func(o *Outgoing) error {
		function := map[webhook.Hash]func() hash.Hash{
			"": sha256.New, webhook.SHA256: sha256.New, webhook.SHA384: sha512.New384,
			webhook.SHA512: sha512.New, webhook.SHA1: sha1.New,
		}[cfg.Hash]
		if function == nil {
			return fmt.Errorf("webhooktest: unknown hash %q", cfg.Hash)
		}
		key := []byte(secret.Reveal())
		if cfg.DecodeKey != nil {
			var err error
			if key, err = cfg.DecodeKey(secret); err != nil {
				return err
			}
		}
		stamp := formatTime(o.Time, cfg.TimestampFormat)
		before, after, _ := strings.Cut(cmp.Or(cfg.Content, "{body}"), "{body}")
		fill := strings.NewReplacer("{id}", o.ID, "{timestamp}", stamp)
		mac := hmac.New(function, key)
		mac.Write([]byte(fill.Replace(before)))
		mac.Write(o.Body)
		mac.Write([]byte(fill.Replace(after)))

		signature := hex.EncodeToString(mac.Sum(nil))
		if cfg.Encoding == webhook.Base64 {
			signature = base64.StdEncoding.EncodeToString(mac.Sum(nil))
		}
		if len(cfg.Prefixes) > 0 {
			signature = cfg.Prefixes[0] + signature
		}
		if cfg.TimestampPrefix != "" {
			signature = cfg.TimestampPrefix + stamp + cfg.Separator + signature
		}
		header := o.Request.Header
		header.Set(cfg.Header, signature)
		if cfg.TimestampHeader != "" {
			header.Set(cfg.TimestampHeader, stamp)
		}
		if cfg.IDHeader != "" {
			header.Set(cfg.IDHeader, o.ID)
		}
		return nil
	}
}

func formatTime(t time.Time, format webhook.TimestampFormat) string {
	switch format {
	case webhook.RFC3339:
		return t.UTC().Format(time.RFC3339Nano)
	case webhook.UnixMillis:
		return strconv.FormatInt(t.UnixMilli(), 10)
	default:
		return strconv.FormatInt(t.Unix(), 10)
	}
}
