package protocol_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/powerauth/powerauthtest"
	"github.com/identkit/identkit/powerauth/protocol"
)

func ExampleParseActivationCode() {
	code, err := protocol.ParseActivationCode("W65WE-3T7VI-7FBS2-A4OYA")
	fmt.Println(code, string(code), err)

	_, err = protocol.ParseActivationCode("W65WE-3T7VI-7FBS2-A4OYB")
	fmt.Println(err)
	// Output:
	// [secret] W65WE-3T7VI-7FBS2-A4OYA <nil>
	// powerauth: not an activation code: it consists of A-Z and 2-7
}

func ExampleNormalizeActivationCode() {
	code, err := protocol.NormalizeActivationCode(" w65we 3t7vi 7fbs2 a40ya ")
	fmt.Println(string(code), err)
	// Output: W65WE-3T7VI-7FBS2-A4OYA <nil>
}

func TestPublishedActivationCodesAreValid(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"W65WE-3T7VI-7FBS2-A4OYA", "MMMMM-MMMMM-MMMMM-MUTOA", "AAAAA-AAAAA-AAAAA-AAAAA", signedCode,
	} {
		code, err := protocol.ParseActivationCode(s)
		require.NoError(t, err, s)
		assert.Equal(t, s, string(code))
	}
}

func TestActivationCodeRefusesEveryTypingError(t *testing.T) {
	t.Parallel()
	const good = "W65WE-3T7VI-7FBS2-A4OYA"
	for i := range len(good) {
		for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567-0189a# \n" {
			if s := good[:i] + string(c) + good[i+1:]; s != good {
				_, err := protocol.ParseActivationCode(s)
				require.ErrorIs(t, err, protocol.ErrActivationCode, "%q", s)
				assertSilent(t, err, s)
			}
		}
	}
	for _, s := range []string{
		"", " ", good + "A", good[:22], "W65WE3T7VI7FBS2A4OYA", strings.ToLower(good), "R:" + good, " " + good,
		"W65WE-3T7VI-7FBS2-A4OYÁ", strings.Repeat("A", 1<<20),
	} {
		_, err := protocol.ParseActivationCode(s)
		assert.ErrorIs(t, err, protocol.ErrActivationCode, "%.40q", s)
	}
}

func TestActivationCodeIsMaskedExceptInJSON(t *testing.T) {
	t.Parallel()
	qr, err := protocol.ParseActivationQR(signedCode + "#" + signedSignature)
	require.NoError(t, err)
	assertSilent(t, qr.Code, signedCode)
	assertSilent(t, qr, signedCode)

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("created", "code", qr.Code)
	assert.NotContains(t, log.String(), signedCode)

	b, err := json.Marshal(qr.Code)
	require.NoError(t, err)
	assert.JSONEq(t, `"`+signedCode+`"`, string(b))
}

func TestActivationCodeHasOneSpelling(t *testing.T) {
	t.Parallel()
	// The last character has four unused bits; only zeros are canonical.
	_, err := protocol.ParseActivationCode("AAAAA-AAAAA-AAAAA-AAAAB")
	assert.ErrorIs(t, err, protocol.ErrActivationCode)
}

func TestTypedActivationCodeIsCorrected(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"w65we-3t7vi-7fbs2-a4oya":       "W65WE-3T7VI-7FBS2-A4OYA",
		"W65WE3T7VI7FBS2A40YA":          "W65WE-3T7VI-7FBS2-A4OYA",
		"W65WE 3T7V1 7FBS2 A40YA\r\n":   "W65WE-3T7VI-7FBS2-A4OYA",
		"--W65WE-3T7VI-7FBS2--A4OYA-\t": "W65WE-3T7VI-7FBS2-A4OYA",
	} {
		code, err := protocol.NormalizeActivationCode(typed)
		require.NoError(t, err, "%q", typed)
		assert.Equal(t, want, string(code))
	}
	for _, typed := range []string{
		"", "W65WE-3T7VI-7FBS2-A4OY8", "W65WE-3T7VI-7FBS2-A4OY9", "W65WE-3T7VI-7FBS2-A4OYQ", "W65WE_3T7VI_7FBS2_A4OYA",
		"W65WE-3T7VI-7FBS2-A4OYA#", "\xff65WE3T7VI7FBS2A4OYA", strings.Repeat("-", 300) + "W65WE3T7VI7FBS2A4OYA",
	} {
		_, err := protocol.NormalizeActivationCode(typed)
		assert.ErrorIs(t, err, protocol.ErrActivationCode, "%.40q", typed)
	}
}

func TestActivationCodesMatchPublishedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Valid, Invalid []string
		QRStrings      []struct {
			Input, ActivationCode, Signature string
			Valid                            bool
		}
		TypedCharCorrection struct{ In, Out, Rejected string }
	}
	readVectors(t, "activation-codes.json", &file)
	require.NotEmpty(t, file.Valid)
	for _, s := range file.Valid {
		code, err := protocol.ParseActivationCode(s)
		assert.NoError(t, err, s)
		assert.Equal(t, s, string(code))
	}
	for _, s := range file.Invalid {
		_, err := protocol.ParseActivationCode(s)
		assert.Error(t, err, s)
	}
	for _, v := range file.QRStrings {
		q, err := protocol.ParseActivationQR(v.Input)
		assert.Equal(t, v.Valid, err == nil, v.Input)
		assert.Equal(t, v.ActivationCode, string(q.Code), v.Input)
		assert.Equal(t, v.Signature, q.Signature, v.Input)
	}

	// A single character is corrected only inside a whole code.
	corrected := file.TypedCharCorrection
	require.Len(t, corrected.Out, len(corrected.In))
	for i := range len(corrected.In) {
		want := codeStartingWith(t, corrected.Out[i])
		got, err := protocol.NormalizeActivationCode(corrected.In[i:i+1] + string(want[1:]))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, c := range corrected.Rejected {
		if c == '-' {
			continue // a separator, which may be typed anywhere in a whole code
		}
		_, err := protocol.NormalizeActivationCode(string(c) + "65WE-3T7VI-7FBS2-A4OYA")
		assert.Error(t, err, "%q", c)
	}
}

// codeStartingWith makes a code whose first character is c, one of A–Z and 2–7.
func codeStartingWith(t *testing.T, c byte) protocol.ActivationCode {
	t.Helper()
	value := c - 'A'
	if c < 'A' {
		value = c - '2' + 26
	}
	code, err := powerauthtest.GenerateActivationCode(bytes.NewReader(append([]byte{value << 3}, make([]byte, 9)...)))
	require.NoError(t, err)
	require.Equal(t, c, code[0])
	return code
}

func FuzzActivationCode(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		code, err := protocol.ParseActivationCode(s)
		if err == nil && string(code) != s {
			t.Fatalf("parsed %q as %q", s, code)
		}
		corrected, errCorrect := protocol.NormalizeActivationCode(s)
		if err == nil && (errCorrect != nil || corrected != code) {
			t.Fatalf("correcting a valid code gave %q, %v", corrected, errCorrect)
		}
		if errCorrect == nil {
			if again, err := protocol.ParseActivationCode(string(corrected)); err != nil || again != corrected {
				t.Fatalf("corrected to %q, which does not parse: %v", corrected, err)
			}
		}
	})
}
