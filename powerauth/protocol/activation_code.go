package protocol

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/pacrypto"
)

// ErrActivationCode is the error of a text that is not an activation code. Errors never repeat the text.
var ErrActivationCode = errors.New("powerauth: not an activation code")

// ActivationCode is the code with which a phone registers: four groups of five characters A–Z and 2–7, such as
// "W65WE-3T7VI-7FBS2-A4OYA". It carries 80 random bits and a checksum that finds typing errors.
//
// A code is good for one registration, within the minutes until the registration expires. Until then whoever has it can
// register a device for the user. Printing or logging one therefore writes a mask, as with [identkit.Secret];
// string(code) is the text, and JSON holds it, so that it can be sent to the user's screen.
//
// Source: wultra/powerauth-crypto, docs/Activation-Code.md, checked 2026-11.
type ActivationCode string

// Format prints a mask for every verb.
func (c ActivationCode) Format(f fmt.State, verb rune) { identkit.Secret(c).Format(f, verb) }

// LogValue returns a mask.
func (c ActivationCode) LogValue() slog.Value { return identkit.Secret(c).LogValue() }

const (
	codeLength    = 23 // with dashes
	codeSymbols   = 20
	codeRandom    = 10 // bytes in front of the checksum
	maxTypedBytes = 256
)

var codeAlphabet = base32.StdEncoding.WithPadding(base32.NoPadding)

// ParseActivationCode checks a code as the phone does: 23 characters, dashes in place, right checksum. Nothing is
// corrected; see [NormalizeActivationCode] for what a person typed. The error is [ErrActivationCode].
func ParseActivationCode(s string) (ActivationCode, error) {
	if len(s) != codeLength {
		return "", fmt.Errorf("%w: it has 23 characters", ErrActivationCode)
	}
	code, err := checkActivationCode(strings.ReplaceAll(s, "-", ""))
	if err == nil && string(code) != s {
		return "", fmt.Errorf("%w: dashes stand between groups of five", ErrActivationCode)
	}
	return code, err
}

// NormalizeActivationCode corrects what a person typed and checks the result: lower case becomes upper case, 0 becomes O,
// 1 becomes I; spaces are dropped, and dashes are put where they belong. The characters 8 and 9, which no code has, are
// refused, like all others. The error is [ErrActivationCode].
//
// The correction of single characters is that of the vendor's phone SDK (wultra/powerauth-mobile-sdk, checked 2026-11);
// tolerating spaces and missing dashes is an addition.
func NormalizeActivationCode(typed string) (ActivationCode, error) {
	if len(typed) > maxTypedBytes {
		return "", fmt.Errorf("%w: too long", ErrActivationCode)
	}
	symbols := strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == ' ' || r == '\t' || r == '\r' || r == '\n':
			return -1
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case r == '0':
			return 'O'
		case r == '1':
			return 'I'
		}
		return r
	}, typed)
	return checkActivationCode(symbols)
}

// checkActivationCode checks a code without its dashes, and puts them in.
func checkActivationCode(symbols string) (ActivationCode, error) {
	if len(symbols) != codeSymbols {
		return "", fmt.Errorf("%w: it has 20 letters and digits", ErrActivationCode)
	}
	b, err := codeAlphabet.DecodeString(symbols)
	// Encoding again refuses what the decoder skips, and a last character whose unused bits are not zero.
	if err != nil || codeAlphabet.EncodeToString(b) != symbols {
		return "", fmt.Errorf("%w: it consists of A-Z and 2-7", ErrActivationCode)
	}
	if pacrypto.CRC16(b[:codeRandom]) != binary.BigEndian.Uint16(b[codeRandom:]) {
		return "", fmt.Errorf("%w: wrong checksum", ErrActivationCode)
	}
	return ActivationCode(symbols[:5] + "-" + symbols[5:10] + "-" + symbols[10:15] + "-" + symbols[15:]), nil
}
