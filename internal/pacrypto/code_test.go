package pacrypto

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type codeInput struct {
	SignaturePossessionKey, SignatureKnowledgeKey, SignatureBiometryKey string
	SignatureType, SignatureComponentLength, CounterData, Data          string
}

func (in codeInput) read(t *testing.T) (data []byte, keys []Key, ctr Counter) {
	t.Helper()
	all := Keys{
		Possession: key(t, in.SignaturePossessionKey),
		Knowledge:  key(t, in.SignatureKnowledgeKey),
		Biometry:   key(t, in.SignatureBiometryKey),
	}
	keys, err := all.For(in.SignatureType)
	require.NoError(t, err)
	return unbase64(t, in.Data), keys, Counter(unbase64(t, in.CounterData))
}

func TestOnlineCodeMatchesOneVector(t *testing.T) {
	t.Parallel()
	data, keys, ctr := codeInput{
		SignaturePossessionKey: "NtqvzzwtSRbWkO40XbaJcQ==",
		SignatureKnowledgeKey:  "F8SfFX2UWeibws+9zojlwA==",
		SignatureBiometryKey:   "X6hHHDRPcumP2a2NKCX5bQ==",
		SignatureType:          "possession",
		CounterData:            "oJPoaEwdNltsQo0aEbWKWw==",
		Data:                   "7sNuLSwM9XcZlWpc0EGrs7aCntDkiWY=",
	}.read(t)
	got, err := OnlineCode(data, keys, ctr)
	require.NoError(t, err)
	assert.Equal(t, "NbxajPzaV2b1C5q0WsHsVw==", got)
}

func TestDecimalCodeMatchesOneVector(t *testing.T) {
	t.Parallel()
	data, keys, ctr := codeInput{
		SignaturePossessionKey: "KusWzq7wrBAbNT7mIuDZPg==",
		SignatureKnowledgeKey:  "PQluu2bG7DVmhQEXPoPv0Q==",
		SignatureBiometryKey:   "XaTZk4kLr7g/749M7tBRJA==",
		SignatureType:          "possession",
		CounterData:            "orZ9RZH55L6aCgIj3RVReA==",
		Data:                   "1yzfEaX2",
	}.read(t)
	got, err := DecimalCode(data, keys, ctr, 4)
	require.NoError(t, err)
	assert.Equal(t, "8484", got)
}

func TestCodesMatchPublishedVectors(t *testing.T) {
	t.Parallel()
	online := func(_ *testing.T, _ codeInput) func([]byte, []Key, Counter) (string, error) { return OnlineCode }
	decimal := func(t *testing.T, in codeInput) func([]byte, []Key, Counter) (string, error) {
		digits := maxDigits
		if in.SignatureComponentLength != "" {
			var err error
			digits, err = strconv.Atoi(in.SignatureComponentLength)
			require.NoError(t, err)
		}
		return func(data []byte, keys []Key, ctr Counter) (string, error) {
			return DecimalCode(data, keys, ctr, digits)
		}
	}
	for file, compute := range map[string]func(*testing.T, codeInput) func([]byte, []Key, Counter) (string, error){
		"signatures-v31.json": online, "signatures-v3.json": decimal, "signatures-offline.json": decimal,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			var vectors cases[codeInput, struct{ Signature string }]
			readVectors(t, file, &vectors)
			require.NotEmpty(t, vectors.Data)
			for i, c := range vectors.Data {
				data, keys, ctr := c.Input.read(t)
				got, err := compute(t, c.Input)(data, keys, ctr)
				require.NoError(t, err)
				assert.Equal(t, c.Output.Signature, got, "vector %d", i)
			}
		})
	}
}

func TestEachFactorAddsToTheCodeAndBindsTheNext(t *testing.T) {
	t.Parallel()
	data, ctr := []byte("data"), Counter{9}
	one, err := DecimalCode(data, []Key{{1}}, ctr, 8)
	require.NoError(t, err)
	two, err := DecimalCode(data, []Key{{1}, {2}}, ctr, 8)
	require.NoError(t, err)
	alone, err := DecimalCode(data, []Key{{2}}, ctr, 8)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(two, one+"-"), "the first part is the code of the first factor alone")
	assert.False(t, strings.HasSuffix(two, alone), "the second part depends on the first key too")
}

func TestCodesRefuseImpossibleParameters(t *testing.T) {
	t.Parallel()
	for _, digits := range []int{-1, 0, 3, 9} {
		_, err := DecimalCode(nil, []Key{{}}, Counter{}, digits)
		assert.Error(t, err, digits)
	}
	for _, keys := range [][]Key{nil, make([]Key, 4)} {
		_, err := OnlineCode(nil, keys, Counter{})
		assert.Error(t, err)
		_, err = DecimalCode(nil, keys, Counter{}, 8)
		assert.Error(t, err)
	}
}

func TestCounterMovesByFoldedHash(t *testing.T) {
	t.Parallel()
	// SHA-256 of sixteen zero bytes is 374708fff7719dd5979ec875d56cd2286f6d3cf7ec317a3b25632aab28ec37bb.
	assert.Equal(t, Counter{
		0x37 ^ 0x6f, 0x47 ^ 0x6d, 0x08 ^ 0x3c, 0xff ^ 0xf7, 0xf7 ^ 0xec, 0x71 ^ 0x31, 0x9d ^ 0x7a, 0xd5 ^ 0x3b,
		0x97 ^ 0x25, 0x9e ^ 0x63, 0xc8 ^ 0x2a, 0x75 ^ 0xab, 0xd5 ^ 0x28, 0x6c ^ 0xec, 0xd2 ^ 0x37, 0x28 ^ 0xbb,
	}, Counter{}.Next())

	c, err := NewCounter(strings.NewReader("0123456789abcdef"))
	require.NoError(t, err)
	assert.Equal(t, Counter([]byte("0123456789abcdef")), c)
	_, err = NewCounter(strings.NewReader("short"))
	assert.Error(t, err)
}

func TestVerifyCodeLooksAheadAndMovesPastTheMatch(t *testing.T) {
	t.Parallel()
	keys := []Key{{1}, {2}}
	data := CodeData("POST&&&", OfflineSecret)
	assert.Equal(t, "POST&&&&offline", string(data))
	compute := func(c Counter) (string, error) { return OnlineCode(data, keys, c) }

	start := Counter{7}
	ahead := start
	for range LookAhead - 1 {
		ahead = ahead.Next()
	}
	last, err := compute(ahead)
	require.NoError(t, err)
	next, ok, err := VerifyCode(last, start, LookAhead, compute)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, ahead.Next(), next)

	next, ok, err = VerifyCode(last, next, LookAhead, compute)
	require.NoError(t, err)
	assert.False(t, ok, "a code is good once")
	assert.Equal(t, ahead.Next(), next, "a wrong code does not move the counter")

	beyond, err := compute(ahead.Next())
	require.NoError(t, err)
	_, ok, err = VerifyCode(beyond, start, LookAhead, compute)
	require.NoError(t, err)
	assert.False(t, ok, "one step beyond the window")

	_, ok, err = VerifyCode("", start, LookAhead, func(Counter) (string, error) { return "", errors.New("failed") })
	require.Error(t, err)
	assert.False(t, ok)
}
