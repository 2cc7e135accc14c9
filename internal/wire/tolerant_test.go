package wire_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/wire"
)

func TestWhatDecidesNothingIsReadFromAnyJSON(t *testing.T) {
	t.Parallel()
	codec := wire.NewCodec(json.JoinUnmarshalers(
		wire.Text[status](), wire.Object[inner](), wire.Object[*inner](), wire.Object[map[string]string](),
	), nil)
	var v struct {
		Status  status            `json:"status"`
		Inner   inner             `json:"inner"`
		Pointer *inner            `json:"pointer"`
		Map     map[string]string `json:"map"`
	}
	require.NoError(t, codec.Unmarshal([]byte(`{"status":"a","inner":{"name":"b"},"pointer":{"name":"c"},"map":{"d":"e","f":7}}`), &v))
	assert.Equal(t, status("a"), v.Status)
	assert.Equal(t, "b", v.Inner.Name)
	assert.Equal(t, "c", v.Pointer.Name)
	assert.Equal(t, map[string]string{"d": "e", "f": "7"}, v.Map)
	for _, other := range []string{`null`, `[]`, `[{"name":"b"}]`, `"text"`, `7`, `true`} {
		require.NoError(t, codec.Unmarshal([]byte(`{"inner":`+other+`,"pointer":`+other+`,"map":`+other+`}`), &v), other)
		assert.Zero(t, v.Inner, other)
		assert.Nil(t, v.Pointer, other)
		assert.Nil(t, v.Map, other)
	}
	for in, want := range map[string]status{`7`: "7", `true`: "true", `null`: "", `{}`: "", `["a"]`: ""} {
		require.NoError(t, codec.Unmarshal([]byte(`{"status":`+in+`}`), &v), in)
		assert.Equal(t, want, v.Status, in)
	}
	require.Error(t, codec.Unmarshal([]byte(`{"inner":[{"a":1,"a":2}]}`), &v), "duplicate members are never passed over")
}

type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) RefusesJSON()    {}

func TestARefusalStaysReachable(t *testing.T) {
	t.Parallel()
	codec := wire.NewCodec(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ *inner) error {
		if err := dec.SkipValue(); err != nil {
			return err
		}
		return refusal("no such item")
	}), nil)
	var v struct {
		Items []inner `json:"items"`
	}
	err := codec.Unmarshal([]byte(`{"items":[{"name":"canary"}]}`), &v)
	var r wire.Refusal
	require.ErrorAs(t, err, &r)
	require.EqualError(t, r, "no such item")
	require.EqualError(t, err, "has a value of another type than expected at items[0]")
	err = codec.Unmarshal([]byte(`{"items":[{"name":"canary","name":"canary"}]}`), &v)
	assert.NotErrorAs(t, err, &r)
}

func TestSecondsAreReadByTheirDigits(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Time{
		"1772439330.1":             time.Unix(1772439330, 100e6),
		"1772439330.25":            time.Unix(1772439330, 250e6),
		"1772439330.123456":        time.Unix(1772439330, 123456e3),
		"1772439330.1234567899999": time.Unix(1772439330, 123456789),
		"-0.5":                     time.Unix(0, -500e6),
		"-1.25":                    time.Unix(-1, -250e6),
		"1.7724393301e9":           time.Unix(1772439330, 100e6),
		"99999999999.9":            time.Unix(99999999999, 900e6),
		"0.0000000001":             time.Unix(0, 0),
	} {
		assert.Equal(t, want.UTC(), wire.ParseTime(in), in)
	}
}
