package powerauth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/powerauth"
)

func ExampleParseActivationCode() {
	made, err := powerauth.GenerateActivationCode(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	code, err := powerauth.ParseActivationCode(string(made))
	fmt.Println(code == made, err)

	_, err = powerauth.ParseActivationCode("W65WE-3T7VI-7FBS2-A4OYB")
	fmt.Println(err)
	// Output:
	// true <nil>
	// powerauth: not an activation code: it is made of A-Z and 2-7
}

func ExampleNormalizeActivationCode() {
	code, err := powerauth.NormalizeActivationCode(" w65we 3t7vi 7fbs2 a40ya ")
	fmt.Println(string(code), err)
	// Output: W65WE-3T7VI-7FBS2-A4OYA <nil>
}

func TestActivationCodeTakesThePublishedOnes(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"W65WE-3T7VI-7FBS2-A4OYA", "MMMMM-MMMMM-MMMMM-MUTOA", "AAAAA-AAAAA-AAAAA-AAAAA", signedCode,
	} {
		code, err := powerauth.ParseActivationCode(s)
		require.NoError(t, err, s)
		assert.Equal(t, s, string(code))
	}
}

func TestActivationCodeRefusesEverySingleSlip(t *testing.T) {
	t.Parallel()
	const good = "W65WE-3T7VI-7FBS2-A4OYA"
	for i := range len(good) {
		for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567-0189a# \n" {
			if s := good[:i] + string(c) + good[i+1:]; s != good {
				_, err := powerauth.ParseActivationCode(s)
				require.ErrorIs(t, err, powerauth.ErrActivationCode, "%q", s)
				assertSilent(t, err, s)
			}
		}
	}
	for _, s := range []string{
		"", " ", good + "A", good[:22], "W65WE3T7VI7FBS2A4OYA", strings.ToLower(good), "R:" + good, " " + good,
		"W65WE-3T7VI-7FBS2-A4OYÁ", strings.Repeat("A", 1<<20),
	} {
		_, err := powerauth.ParseActivationCode(s)
		assert.ErrorIs(t, err, powerauth.ErrActivationCode, "%.40q", s)
	}
}

func TestActivationCodeShowsInJSONAlone(t *testing.T) {
	t.Parallel()
	qr, err := powerauth.ParseActivationQR(signedCode + "#" + signedSignature)
	require.NoError(t, err)
	assertSilent(t, qr.Code, signedCode)
	assertSilent(t, qr, signedCode)

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "code", qr.Code)
	assert.NotContains(t, log.String(), signedCode)

	b, err := json.Marshal(qr.Code)
	require.NoError(t, err)
	assert.JSONEq(t, `"`+signedCode+`"`, string(b))
}

func TestActivationCodeHasNoTwoSpellings(t *testing.T) {
	t.Parallel()
	// The last character has four unused bits; only zeros are canonical.
	_, err := powerauth.ParseActivationCode("AAAAA-AAAAA-AAAAA-AAAAB")
	assert.ErrorIs(t, err, powerauth.ErrActivationCode)
}

func TestActivationCodeTypingIsRepaired(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"w65we-3t7vi-7fbs2-a4oya":       "W65WE-3T7VI-7FBS2-A4OYA",
		"W65WE3T7VI7FBS2A40YA":          "W65WE-3T7VI-7FBS2-A4OYA",
		"W65WE 3T7V1 7FBS2 A40YA\r\n":   "W65WE-3T7VI-7FBS2-A4OYA",
		"--W65WE-3T7VI-7FBS2--A4OYA-\t": "W65WE-3T7VI-7FBS2-A4OYA",
	} {
		code, err := powerauth.NormalizeActivationCode(typed)
		require.NoError(t, err, "%q", typed)
		assert.Equal(t, want, string(code))
	}
	for _, typed := range []string{
		"", "W65WE-3T7VI-7FBS2-A4OY8", "W65WE-3T7VI-7FBS2-A4OY9", "W65WE-3T7VI-7FBS2-A4OYQ", "W65WE_3T7VI_7FBS2_A4OYA",
		"W65WE-3T7VI-7FBS2-A4OYA#", "\xff65WE3T7VI7FBS2A4OYA", strings.Repeat("-", 300) + "W65WE3T7VI7FBS2A4OYA",
	} {
		_, err := powerauth.NormalizeActivationCode(typed)
		assert.ErrorIs(t, err, powerauth.ErrActivationCode, "%.40q", typed)
	}
}

func TestGeneratedActivationCodeIsMadeOfItsRandomBytes(t *testing.T) {
	t.Parallel()
	code, err := powerauth.GenerateActivationCode(bytes.NewReader(make([]byte, 10)))
	require.NoError(t, err)
	assert.Equal(t, "AAAAA-AAAAA-AAAAA-AAAAA", string(code))

	_, err = powerauth.GenerateActivationCode(strings.NewReader("too short"))
	assert.Error(t, err)

	seen := make(map[powerauth.ActivationCode]bool)
	for range 200 {
		code, err := powerauth.GenerateActivationCode(nil)
		require.NoError(t, err)
		parsed, err := powerauth.ParseActivationCode(string(code))
		require.NoError(t, err)
		assert.Equal(t, code, parsed)
		seen[code] = true
	}
	assert.Len(t, seen, 200)
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
		code, err := powerauth.ParseActivationCode(s)
		assert.NoError(t, err, s)
		assert.Equal(t, s, string(code))
	}
	for _, s := range file.Invalid {
		_, err := powerauth.ParseActivationCode(s)
		assert.Error(t, err, s)
	}
	for _, v := range file.QRStrings {
		q, err := powerauth.ParseActivationQR(v.Input)
		assert.Equal(t, v.Valid, err == nil, v.Input)
		assert.Equal(t, v.ActivationCode, string(q.Code), v.Input)
		assert.Equal(t, v.Signature, q.Signature, v.Input)
	}

	// Correction is seen through whole codes: the typed character and its correction either both make the code in
	// which they stand, or neither does.
	corrected := file.TypedCharCorrection
	require.Len(t, corrected.Out, len(corrected.In))
	for i := range len(corrected.In) {
		want := codeStartingWith(t, corrected.Out[i])
		got, err := powerauth.NormalizeActivationCode(corrected.In[i:i+1] + string(want[1:]))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, c := range corrected.Rejected {
		if c == '-' {
			continue // a separator, which may be typed anywhere in a whole code
		}
		_, err := powerauth.NormalizeActivationCode(string(c) + "65WE-3T7VI-7FBS2-A4OYA")
		assert.Error(t, err, "%q", c)
	}
}

// codeStartingWith makes a code with the given first character of A–Z and 2–7.
func codeStartingWith(t *testing.T, c byte) powerauth.ActivationCode {
	t.Helper()
	value := c - 'A'
	if c < 'A' {
		value = c - '2' + 26
	}
	code, err := powerauth.GenerateActivationCode(bytes.NewReader(append([]byte{value << 3}, make([]byte, 9)...)))
	require.NoError(t, err)
	require.Equal(t, c, code[0])
	return code
}

func FuzzActivationCode(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		code, err := powerauth.ParseActivationCode(s)
		if err == nil && string(code) != s {
			t.Fatalf("parsed %q as %q", s, code)
		}
		repaired, errRepair := powerauth.NormalizeActivationCode(s)
		if err == nil && (errRepair != nil || repaired != code) {
			t.Fatalf("repairing a good code gave %q, %v", repaired, errRepair)
		}
		if errRepair == nil {
			if again, err := powerauth.ParseActivationCode(string(repaired)); err != nil || again != repaired {
				t.Fatalf("repaired to %q, which does not parse: %v", repaired, err)
			}
		}
	})
}
