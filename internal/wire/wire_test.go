package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/internal/wire"
)

func TestTimeReadsEveryFormProvidersSend(t *testing.T) {
	t.Parallel()
	want := time.Date(2023, 12, 1, 10, 20, 30, 500_000_000, time.UTC)
	for _, in := range []string{
		`1701426030500`, `1.7014260305e12`, `1701426030500.0`, `"1701426030500"`,
		`"2023-12-01T10:20:30.5Z"`, `"2023-12-01T11:20:30.500+01:00"`, `"2023-12-01T10:20:30.500+0000"`, `"2023-12-01T10:20:30.5"`,
	} {
		var got wire.Time
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.True(t, want.Equal(got.Time), "%s gave %s", in, got)
	}
	for _, in := range []string{`null`, `""`} {
		var got wire.Time
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.True(t, got.IsZero(), in)
	}
	for _, in := range []string{`true`, `{}`, `[]`, `"soon"`, `1e300`, `"1e300"`, `999999999999999999`, `"NaN"`} {
		var got wire.Time
		assert.Error(t, json.Unmarshal([]byte(in), &got), in)
	}
}

func TestTimeWritesEpochMilliseconds(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(wire.Time{Time: time.UnixMilli(1701426030500)})
	require.NoError(t, err)
	assert.Equal(t, "1701426030500", string(b))
}

func TestVerdictIsNeverGuessed(t *testing.T) {
	t.Parallel()
	var v struct{ V wire.Verdict }
	require.NoError(t, json.Unmarshal([]byte(`{"v":true}`), &v))
	assert.True(t, v.V.Given() && v.V.Yes())

	for _, in := range []string{`{}`, `{"v":null}`} {
		var v struct{ V wire.Verdict }
		require.NoError(t, json.Unmarshal([]byte(in), &v))
		assert.False(t, v.V.Given(), in)
		assert.False(t, v.V.Yes(), in)
	}
	for _, in := range []string{`{"v":"true"}`, `{"v":1}`, `{"v":[true]}`, `{"v":{}}`, `{"v":false,"v":true}`, `{"v":false,"V":true}`, `{"v":true,"v":null}`, `{"v":null,"V":true}`} {
		var v struct {
			V wire.Verdict `json:"v"`
		}
		assert.Error(t, json.Unmarshal([]byte(in), &v), in)
	}
}

func TestSoleIsGivenOnce(t *testing.T) {
	t.Parallel()
	type answer struct {
		S wire.Sole `json:"s"`
	}
	var got answer
	require.NoError(t, json.Unmarshal([]byte(`{"s":"ACTIVE"}`), &got))
	assert.Equal(t, "ACTIVE", got.S.String())
	require.NoError(t, json.Unmarshal([]byte(`{"s":null}`), new(answer)))
	var odd answer
	require.NoError(t, json.Unmarshal([]byte(`{"s":"\u0041\n\"é"}`), &odd))
	assert.Equal(t, "A\n\"é", odd.S.String())
	for _, in := range []string{`{"s":1}`, `{"s":"a","s":"a"}`, `{"s":"a","S":"b"}`, `{"s":"a","s":null}`, `{"S":null,"s":"b"}`} {
		assert.Error(t, json.Unmarshal([]byte(in), new(answer)), in)
	}
}

func TestListReadsOneOrMany(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]wire.List[string]{`null`: nil, `"a"`: {"a"}, `["a","b"]`: {"a", "b"}, `[]`: {}} {
		var got wire.List[string]
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.Equal(t, want, got, in)
	}
	var got wire.List[string]
	assert.Error(t, json.Unmarshal([]byte(`{}`), &got))
}

func TestTextAndNumberReadEitherForm(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]wire.Text{`"a"`: "a", `12`: "12", `true`: "true", `null`: ""} {
		var got wire.Text
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.Equal(t, want, got, in)
	}
	for in, want := range map[string]wire.Number{`3600`: 3600, `"3600"`: 3600, `3600.0`: 3600, `null`: 0} {
		var got wire.Number
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		assert.Equal(t, want, got, in)
	}
	for _, in := range []string{`{}`, `"x"`, `1.5`, `true`, `1e300`} {
		var got wire.Number
		assert.Error(t, json.Unmarshal([]byte(in), &got), in)
	}
}

func FuzzScalars(f *testing.F) {
	for _, s := range []string{`1`, `"1"`, `null`, `"2023-12-01T10:20:30Z"`, `[1]`, `true`, `-0`, `1e400`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v struct {
			T wire.Time
			V wire.Verdict
			L wire.List[string]
			X wire.Text
			N wire.Number
		}
		for _, p := range []json.Unmarshaler{&v.T, &v.V, &v.L, &v.X, &v.N} {
			_ = p.UnmarshalJSON(b)
		}
		if v.V.Yes() && string(b) != "true" && !json.Valid(b) {
			t.Fatalf("%q read as true", b)
		}
		if _, err := v.T.MarshalJSON(); err != nil {
			t.Fatal(err)
		}
	})
}
