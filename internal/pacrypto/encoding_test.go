package pacrypto

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCRC16MatchesItsCheckValues(t *testing.T) {
	t.Parallel()
	assert.Equal(t, uint16(0xBB3D), CRC16([]byte("123456789")))
	assert.Equal(t, uint16(0xC6EB), CRC16([]byte("iV6jP5Xr0z")))
	assert.Zero(t, CRC16(nil))
}

func TestCRC16MatchesPublishedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct{ ASCII, CRCHex string }
	}
	readVectors(t, "crc16.json", &file)
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		assert.Equal(t, v.CRCHex, fmt.Sprintf("%04X", CRC16([]byte(v.ASCII))), v.ASCII)
	}
}

func TestDecodeBase64TakesStrayPaddingBitsButNoLineBreaks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                         true,
		"AA==":                     true,
		"AB==":                     true, // padding bits not zero
		"Z19gyYaW5kb521fYWN0aXZ==": true, // the vendor's sample of an application key
		"AB":                       false,
		"ABA-=":                    false,
		"AA\n==":                   false,
		"AAAA\r\n":                 false,
		"AA==AA==":                 false,
	} {
		_, err := DecodeBase64(text)
		assert.Equal(t, want, err == nil, "%q", text)
	}
}

func TestDecimalCutsTo31BitsAndPads(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "00000007", Decimal(0x80000007, 8))
	assert.Equal(t, "47483647", Decimal(0xFFFFFFFF, 8))
	assert.Equal(t, "3647", Decimal(0x7FFFFFFF, 4))
	assert.Equal(t, "47483647", Decimal(0x7FFFFFFF, 99), "never more than 8 digits")
	assert.Equal(t, "7", Decimal(0x7FFFFFFF, -3), "never fewer than 1")
}
