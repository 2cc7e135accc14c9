package protocol

import (
	"errors"
	"fmt"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
)

// ErrMobileSDKConfig is the error of a text that is not a mobileSdkConfig. Errors never repeat the text.
var ErrMobileSDKConfig = errors.New("powerauth: not a mobile SDK configuration")

// MobileSDKConfig is the content of mobileSdkConfig, the one text with which an app is configured. It holds the
// application secret: on the server it is confidential.
//
// Source: wultra/powerauth-crypto, docs/SDK-Configuration.md and class SdkConfigurationSerializer, checked 2026-11.
type MobileSDKConfig struct {
	AppKey ApplicationKey
	// AppSecret is Base64 of the 16-byte application secret.
	AppSecret identkit.Secret
	// Keys are the public keys of the application, in their order. Unknown ids are kept.
	Keys []MobileSDKKey
}

// MobileSDKKey is one public key of an application.
type MobileSDKKey struct {
	ID    MobileSDKKeyID
	Bytes []byte
}

// MobileSDKKeyID says what a key is for.
type MobileSDKKeyID byte

// The keys known so far.
const (
	MobileSDKKeyP256    MobileSDKKeyID = 1 // masterServerPublicKey, the point's 65 bytes
	MobileSDKKeyP384    MobileSDKKeyID = 2 // protocol 4
	MobileSDKKeyMLDSA65 MobileSDKKeyID = 3 // protocol 4
	MobileSDKKeyMLDSA87 MobileSDKKeyID = 4 // protocol 4
)

// Known reports whether it is one of those.
func (id MobileSDKKeyID) Known() bool { return id >= MobileSDKKeyP256 && id <= MobileSDKKeyMLDSA87 }

const (
	// maxSDKConfig holds all four keys several times over.
	maxSDKConfig     = 32 << 10
	sdkConfigVersion = 1
)

// ParseMobileSDKConfig decodes a mobileSdkConfig, format version 1. The key and the secret of live systems are preceded
// by their length; the vendor's documentation describes them without, and that is read when the other form does not fit (an
// assumption). The error is [ErrMobileSDKConfig]; at most 32 KiB are read.
func ParseMobileSDKConfig(text identkit.Secret) (*MobileSDKConfig, error) {
	if len(text) > maxSDKConfig {
		return nil, fmt.Errorf("%w: too long", ErrMobileSDKConfig)
	}
	b, err := pacrypto.DecodeBase64(text.Reveal())
	if err != nil {
		return nil, fmt.Errorf("%w: not Base64", ErrMobileSDKConfig)
	}
	if len(b) == 0 || b[0] != sdkConfigVersion {
		return nil, fmt.Errorf("%w: unknown format version", ErrMobileSDKConfig)
	}
	for _, prefixed := range []bool{true, false} {
		if c, ok := readSDKConfig(b[1:], prefixed); ok {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: truncated, duplicate keys, or trailing bytes", ErrMobileSDKConfig)
}

// MasterPublicKey returns the application's P-256 master server key, with which activation codes and offline operations
// are verified. It is [ErrPublicKey] when the configuration has none.
func (c *MobileSDKConfig) MasterPublicKey() (PublicKey, error) {
	for _, k := range c.Keys {
		if k.ID == MobileSDKKeyP256 {
			return newPublicKey(k.Bytes)
		}
	}
	return PublicKey{}, fmt.Errorf("%w: the configuration has none", ErrPublicKey)
}

func readSDKConfig(b []byte, prefixed bool) (*MobileSDKConfig, bool) {
	r := sdkReader{rest: b}
	readValue := func() []byte {
		if prefixed && r.count() != pacrypto.KeySize {
			r.failed = true
		}
		return r.bytes(pacrypto.KeySize)
	}
	c := &MobileSDKConfig{
		AppKey:    ApplicationKey(pacrypto.EncodeBase64(readValue())),
		AppSecret: identkit.Secret(pacrypto.EncodeBase64(readValue())),
	}
	seen := make(map[MobileSDKKeyID]bool)
	for n := r.count(); n > 0 && !r.failed; n-- {
		id := MobileSDKKeyID(r.byte())
		r.failed = r.failed || seen[id]
		seen[id] = true
		c.Keys = append(c.Keys, MobileSDKKey{ID: id, Bytes: r.bytes(r.count())})
	}
	return c, !r.failed && len(r.rest) == 0
}

// sdkReader reads the vendor's primitives. After a failure it returns zeros.
type sdkReader struct {
	rest   []byte
	failed bool
}

func (r *sdkReader) bytes(n int) []byte {
	if r.failed || n > len(r.rest) {
		r.failed = true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *sdkReader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

const (
	countTwoBytes  = 0x80
	countFourBytes = 0xC0
)

// count reads a length of one, two or four bytes; the two upper bits of the first say which.
func (r *sdkReader) count() int {
	first := r.byte()
	switch {
	case first < countTwoBytes:
		return int(first)
	case first < countFourBytes:
		return int(first&^countFourBytes)<<8 | int(r.byte())
	}
	n := int(first &^ countFourBytes)
	for range 3 {
		n = n<<8 | int(r.byte())
	}
	return n
}
