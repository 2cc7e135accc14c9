package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/wire"
)

type status string

type inner struct {
	Amount int64  `json:"amount"`
	Name   string `json:"name"`
}

type document struct {
	ID      status            `json:"id"`
	Text    string            `json:"text"`
	Flag    bool              `json:"flag"`
	Count   int               `json:"count"`
	At      time.Time         `json:"at"`
	Secret  identkit.Secret   `json:"secret"`
	Names   []string          `json:"names"`
	Params  map[string]string `json:"params"`
	Items   []inner           `json:"items"`
	Ratio   float64           `json:"ratio"`
	Raw     json.RawMessage   `json:"raw"`
	Pointer *inner            `json:"pointer"`
}

func TestShapeIsStrict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  string
		fault wire.Fault
		path  string
	}{
		"cut":                    {`{"id":"a"`, wire.FaultSyntax, ""},
		"something behind":       {`{"id":"a"}{}`, wire.FaultSyntax, ""},
		"text behind":            {`{"id":"a"}x`, wire.FaultSyntax, ""},
		"empty":                  {``, wire.FaultSyntax, ""},
		"duplicate":              {`{"id":"a","id":"b"}`, wire.FaultDuplicate, "id"},
		"duplicate deep":         {`{"id":"a","items":[{"amount":1},{"amount":1,"amount":2}]}`, wire.FaultDuplicate, "items[1].amount"},
		"duplicate unknown":      {`{"canary":1,"canary":2}`, wire.FaultDuplicate, ""},
		"duplicate in unknown":   {`{"id":"a","canary":{"x":1,"x":2}}`, wire.FaultDuplicate, ""},
		"duplicate key of a map": {`{"params":{"canary":"1","canary":"2"}}`, wire.FaultDuplicate, "params.*"},
		"not UTF-8":              {"{\"id\":\"\xf6\"}", wire.FaultEncoding, "id"},
		"lone surrogate":         {`{"id":"\ud800"}`, wire.FaultSyntax, "id"},
		"id is a number":         {`{"id":7}`, wire.FaultType, "id"},
		"id is an object":        {`{"id":{}}`, wire.FaultType, "id"},
		"items is an object":     {`{"items":{}}`, wire.FaultType, "items"},
		"secret is a number":     {`{"secret":7}`, wire.FaultType, "secret"},
		"masked secret":          {`{"secret":"[secret]"}`, wire.FaultMask, "secret"},
		"an array":               {`[]`, wire.FaultType, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d document
			err := wire.Unmarshal([]byte(c.body), &d)
			var e *wire.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, c.fault, e.Fault)
			assert.Equal(t, c.path, e.Path)
			assert.NotContains(t, e.Error(), "canary")
			assert.NoError(t, errors.Unwrap(err), "the library's error quotes the text")
			assert.Equal(t, c.fault == wire.FaultMask, errors.Is(err, identkit.ErrMasked))
		})
	}
}

func TestNamesAreExact(t *testing.T) {
	t.Parallel()
	var d document
	require.NoError(t, wire.Unmarshal([]byte(`{"ID":"a","FLAG":true,"te\u017ft":"x","ſtatus":1}`), &d))
	assert.Equal(t, document{}, d)
}

func TestContentIsTolerant(t *testing.T) {
	t.Parallel()
	var d document
	require.NoError(t, wire.Unmarshal([]byte("\xef\xbb\xbf"+`{"id":"a","text":12.50,"flag":"TRUE","count":"7","at":{},"names":"one","params":{"a":1,"b":true,"c":null,"d":[1]},
		"items":[{"amount":9007199254740993,"name":{}},{"amount":5.0},{"amount":5.5}],"ratio":"0.5","raw":{"x":1},"pointer":null,"unknown":[{}]}`), &d))
	assert.Equal(t, "12.50", d.Text)
	assert.True(t, d.Flag)
	assert.Equal(t, 7, d.Count)
	assert.True(t, d.At.IsZero())
	assert.Equal(t, []string{"one"}, d.Names)
	assert.Equal(t, map[string]string{"a": "1", "b": "true", "c": "", "d": ""}, d.Params)
	assert.Equal(t, []inner{{Amount: 9007199254740993}, {Amount: 5}, {}}, d.Items)
	assert.InDelta(t, 0.5, d.Ratio, 0)
	assert.JSONEq(t, `{"x":1}`, string(d.Raw))

	for body, want := range map[string]bool{`true`: true, `"True"`: true, `"1"`: false, `1`: false, `null`: false, `[true]`: false} {
		var d document
		require.NoError(t, wire.Unmarshal([]byte(`{"flag":`+body+`}`), &d), body)
		assert.Equal(t, want, d.Flag, body)
	}
	for body, want := range map[string][]string{`"a"`: {"a"}, `7`: {"7"}, `["a","b"]`: {"a", "b"}, `{"a":"b"}`: nil, `null`: nil} {
		var d document
		require.NoError(t, wire.Unmarshal([]byte(`{"names":`+body+`}`), &d), body)
		assert.Equal(t, want, d.Names, body)
	}
}

func TestListsComeInSeveralForms(t *testing.T) {
	t.Parallel()
	codec := wire.NewCodec(jsonv2.JoinUnmarshalers(wire.ArrayOrObject[inner](), wire.OneOrMany[status]()), nil)
	var v struct {
		Items    []inner  `json:"items"`
		Statuses []status `json:"statuses"`
	}
	require.NoError(t, codec.Unmarshal([]byte(`{"items":{"x":{"amount":1},"y":{"amount":"2"}},"statuses":"a"}`), &v))
	assert.Equal(t, []inner{{Amount: 1}, {Amount: 2}}, v.Items)
	assert.Equal(t, []status{"a"}, v.Statuses)
	require.NoError(t, codec.Unmarshal([]byte(`{"items":[{"amount":1}],"statuses":["a","b"]}`), &v))
	assert.Equal(t, []inner{{Amount: 1}}, v.Items)
	assert.Equal(t, []status{"a", "b"}, v.Statuses)
	require.NoError(t, codec.Unmarshal([]byte(`{"items":null,"statuses":null}`), &v))
	assert.Empty(t, v.Items)
	assert.Empty(t, v.Statuses)
	require.Error(t, codec.Unmarshal([]byte(`{"statuses":7}`), &v))
	require.Error(t, codec.Unmarshal([]byte(`{"items":{"x":1}}`), &v))
}

func TestEmbeddedJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{`"{\"a\":1}"`: `{"a":1}`, `{"a":1}`: `{"a":1}`, `"plain"`: `"plain"`, `"{cut"`: `"{cut"`, `7`: `7`} {
		assert.Equal(t, want, string(wire.Embedded([]byte(in))), in)
	}
}

func TestMarshalRevealsSecretsAndRefusesMasks(t *testing.T) {
	t.Parallel()
	b, err := wire.Marshal(struct {
		Secret identkit.Secret   `json:"secret"`
		Empty  identkit.Secret   `json:"empty"`
		Map    map[string]int    `json:"map"`
		Nil    map[string]string `json:"nil"`
		HTML   string            `json:"html"`
	}{"s3cret", "", map[string]int{"b": 2, "a": 1}, nil, "<&>"})
	require.NoError(t, err)
	assert.Equal(t, `{"secret":"s3cret","empty":"","map":{"a":1,"b":2},"nil":null,"html":"<&>"}`, string(b))

	stored, err := json.Marshal(map[string]identkit.Secret{"secret": "s3cret"})
	require.NoError(t, err)
	for name, v := range map[string]any{
		"a masked Secret":     identkit.Secret("[secret]"),
		"one inside":          map[string]any{"a": []any{identkit.Secret("[secret]")}},
		"stored as JSON":      json.RawMessage(stored),
		"encoded by a method": encodesItself{"s3cret"},
	} {
		_, err := wire.Marshal(v)
		require.ErrorIs(t, err, identkit.ErrMasked, name)
	}
	_, err = wire.Marshal(func() {})
	require.EqualError(t, err, "cannot be written as JSON")
}

type encodesItself struct{ secret identkit.Secret }

func (e encodesItself) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]identkit.Secret{"x": e.secret})
}

func TestKindAndMember(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]byte{"": 0, " \n{": '{', "[1]": '[', "\xef\xbb\xbfnull": 'n', "-1": '0', "<html>": 0, `"x"`: '"', "true": 't', "false": 'f', "x": 0} {
		assert.Equal(t, want, byte(wire.Kind([]byte(body))), body)
	}
	object := []byte(`{"a":{"b":1},"b":"two","c":null}`)
	assert.Equal(t, `"two"`, string(wire.Member(object, "b")), "not the one inside a")
	assert.Equal(t, `null`, string(wire.Member(object, "c")))
	assert.Nil(t, wire.Member(object, "d"))
	assert.Nil(t, wire.Member([]byte(`[1]`), "a"))
	assert.Nil(t, wire.Member([]byte(`{"a"`), "a"))
}

func TestTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		json string
		want time.Time
	}{
		{`"2026-03-01T10:00Z"`, at}, {`"2026-03-01T10:00+01:00"`, at.Add(-time.Hour)}, {`"2026-03-01T10:00"`, at},
		{`"2026-03-01T10:00:00+01"`, at.Add(-time.Hour)}, {`"2026-03-01T10:00:00+0100"`, at.Add(-time.Hour)},
		{`"2026-03-01T10:00Z[UTC]"`, at}, {`"2026-03-01T11:00:00+01:00[Europe/Prague]"`, at}, {`"2026-03-01 10:00:00"`, at},
		{`"2026-03-01T10:00:00.5"`, at.Add(time.Second / 2)}, {`"2026-03-01T10:00:00.123456789Z"`, at.Add(123456789)}, {`"2026-03-01T10:00:00.1234567Z"`, at.Add(123456700)},
		{`"2026-03-01"`, at.Add(-10 * time.Hour)},
		{`1772359200000`, at}, {`1772359200`, at}, {`"1772359200000"`, at}, {`1772359200.5`, at.Add(time.Second / 2)}, {`1.7723592e12`, at}, {`1772359200000.0`, at},
		{`99999999999`, time.Unix(99999999999, 0)}, {`100000000000`, time.UnixMilli(100000000000)}, {`0`, time.Unix(0, 0)}, {`-1`, time.Unix(-1, 0)},
		{`"yesterday"`, time.Time{}}, {`""`, time.Time{}}, {`null`, time.Time{}}, {`true`, time.Time{}}, {`{}`, time.Time{}}, {`1e300`, time.Time{}}, {`9223372036854775807`, time.Time{}}, {`"2026-13-01T00:00Z"`, time.Time{}}, {`"[UTC]"`, time.Time{}},
	} {
		var v struct {
			At time.Time `json:"at"`
		}
		require.NoError(t, wire.Unmarshal([]byte(`{"at":`+c.json+`}`), &v), c.json)
		assert.True(t, c.want.Equal(v.At), "%s: %s", c.json, v.At)
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	d, ok := wire.ParseDate("2024-02-29")
	assert.True(t, ok)
	assert.Equal(t, wire.Date{Year: 2024, Month: time.February, Day: 29}, d)
	assert.Equal(t, "2024-02-29", d.String())
	d, ok = wire.ParseDate("1999-12-31T23:00:00Z")
	assert.True(t, ok)
	assert.Equal(t, "1999-12-31", d.String())
	for _, bad := range []string{"", "2023-02-29", "29.02.2024", "20240229", "2024-2-9"} {
		_, ok := wire.ParseDate(bad)
		assert.False(t, ok, bad)
	}
	assert.Empty(t, wire.Date{}.String())
}

func TestSecondsAreRoundedDown(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]time.Duration{`3600`: time.Hour, `"3600"`: time.Hour, `59.9`: 59 * time.Second, `null`: 0, `"soon"`: 0, `-5`: 0, `1e300`: 9223372035 * time.Second} {
		var v struct {
			ExpiresIn float64 `json:"expires_in"`
		}
		require.NoError(t, wire.Unmarshal([]byte(`{"expires_in":`+body+`}`), &v), body)
		assert.InDelta(t, want.Seconds(), wire.Seconds(v.ExpiresIn).Seconds(), 1, body)
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{`{"id":"a","at":"2026-03-01T10:00Z[UTC]","items":[{"amount":"1e3"}]}`, `{"params":{"a":[1,{"b":2}]}}`, "\xef\xbb\xbf{}", `{"at":-1e400}`, `{"a":{"a":1,"a":2}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var d document
		err := wire.Unmarshal(body, &d)
		var e *wire.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%T", err)
		}
		if err != nil && strings.ContainsAny(e.Path, "\"\n\\") {
			t.Fatalf("path %q quotes the text", e.Path)
		}
		wire.Member(body, "id")
		if y := d.At.Year(); y < 1 || y > 9999 {
			t.Fatalf("year %d", y)
		}
	})
}

func TestUnmarshalStrictConvertsNothing(t *testing.T) {
	t.Parallel()
	var v struct {
		N int    `json:"n"`
		S string `json:"s"`
		B bool   `json:"b"`
	}
	for _, in := range []string{`{"n":"1"}`, `{"s":1}`, `{"b":"true"}`, `{"n":1,"n":1}`, `{"n":1}x`} {
		require.Error(t, wire.UnmarshalStrict([]byte(in), &v), in)
	}
	require.NoError(t, wire.UnmarshalStrict([]byte("\xef\xbb\xbf"+`{"n":1,"s":"x","b":true,"N":2}`), &v))
	assert.Equal(t, 1, v.N)
}
