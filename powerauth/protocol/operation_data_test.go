package protocol_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/identkit/identkit/powerauth/protocol"
)

func ExampleOperationData_Encode() {
	text, err := protocol.OperationData{
		Template: 1,
		Fields: []protocol.OperationField{
			protocol.AmountField("100", "CZK"),
			protocol.AccountField("CZ2730300000001165254011", ""),
			{}, // no reference
			protocol.DateField(time.Date(2018, 4, 25, 0, 0, 0, 0, time.UTC)),
			{Type: protocol.FieldNote, Value: "5 * 20"},
		},
	}.Encode()
	fmt.Println(text, err)
	// Output: A1*A100CZK*ICZ2730300000001165254011**D20180425*N5 \* 20 <nil>
}

func ExampleParseOperationData() {
	data, err := protocol.ParseOperationData("A1*A1492.50EUR*ICZ2730300000001165254011,AIRACZPP***NFor lunch")
	if err != nil {
		fmt.Println(err)
		return
	}
	amount, currency, _ := data.Fields[0].Amount()
	iban, bic, _ := data.Fields[1].Account()
	fmt.Println(amount, currency, iban, bic, data.Fields[4].Value)
	// Output: 1492.50 EUR CZ2730300000001165254011 AIRACZPP For lunch
}

func TestOperationDataFields(t *testing.T) {
	t.Parallel()
	type field = protocol.OperationField
	for text, want := range map[string]protocol.OperationData{
		"A2":      {Version: "A", Template: 2},
		"B99*":    {Version: "B", Template: 99, Fields: []field{{}}},
		"A0*T*N":  {Version: "A", Fields: []field{{Type: "T"}, {Type: "N"}}},
		"A0*Zzz":  {Version: "A", Fields: []field{{Type: "Z", Value: "zz"}}},
		"A0*T***": {Version: "A", Fields: []field{{Type: "T"}, {}, {}, {}}},
		`A1*Thello \* asterisk*Nnew\nline*Xback\\slash`: {Version: "A", Template: 1, Fields: []field{
			{Type: "T", Value: "hello * asterisk"}, {Type: "N", Value: "new\nline"}, {Type: "X", Value: `back\slash`},
		}},
		`A0*Tends in backslash\\*Tb`:  {Version: "A", Fields: []field{{Type: "T", Value: `ends in backslash\`}, {Type: "T", Value: "b"}}},
		`A0*Tnot a line feed: \\n`:    {Version: "A", Fields: []field{{Type: "T", Value: `not a line feed: \n`}}},
		`A0*Tunknown escape \t, end\`: {Version: "A", Fields: []field{{Type: "T", Value: `unknown escape \t, end\`}}},
		"A0*Qřeka":                    {Version: "A", Fields: []field{{Type: "Q", Value: "řeka"}}},
		"A0*T1*T2*T3*T4*T5*T6": {Version: "A", Fields: []field{
			{Type: "T", Value: "1"}, {Type: "T", Value: "2"}, {Type: "T", Value: "3"},
			{Type: "T", Value: "4"}, {Type: "T", Value: "5"}, {Type: "T", Value: "6"},
		}},
	} {
		got, err := protocol.ParseOperationData(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestOperationDataRefusesMalformedTexts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "*", "A", "1", "a1", "A100", "A-1", "A+1", "A1 ", "AA", "Á1", "A1B",
		"A1*A", "A1*ACZK", "A1*AxCZK", "A1*A1,5CZK", "A1*A1.CZK", "A1*A100", "A1*A100CZ", "A1*A1e5CZK",
		"A1*I", "A1*I,BIC", "A1*IGOODIBAN,badbic", "A1*Ibad", "A1*IA,B,C", "A1*IA B",
		"A1*D", "A1*D0", "A1*D20189999", "A1*D2018-04-25", "A1*D201804251",
		"A0*ř", `A0*\*`, "A0*1", "A0*T1*T2*T3*T4*T5*T6*T7",
		"A0*Ttab\there", "A0*Tline\nfeed", "A0*T\x00", "A0*T\xff", "A0*T" + strings.Repeat("x", 9000),
	} {
		got, err := protocol.ParseOperationData(text)
		require.ErrorIs(t, err, protocol.ErrOperationData, "%.40q", text)
		assert.Zero(t, got)
		assertSilent(t, err, "GOODIBAN", "2018", "CZK")
	}
}

func TestOperationDataAmountsAccountsAndDates(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][2]string{
		"100CZK": {"100", "CZK"}, "99.32USD": {"99.32", "USD"}, ".325CZK": {".325", "CZK"}, "-1eur": {"-1", "eur"},
	} {
		amount, currency, ok := protocol.OperationField{Type: protocol.FieldAmount, Value: value}.Amount()
		assert.True(t, ok, value)
		assert.Equal(t, want, [2]string{amount, currency})
	}
	iban, bic, ok := protocol.AccountField("CZ27", "AIRACZPP").Account()
	assert.True(t, ok)
	assert.Equal(t, [2]string{"CZ27", "AIRACZPP"}, [2]string{iban, bic})
	day, ok := protocol.DateField(time.Date(2024, 2, 29, 23, 0, 0, 0, time.UTC)).Date()
	assert.True(t, ok)
	assert.Equal(t, time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), day)

	other := protocol.OperationField{Type: protocol.FieldText, Value: "20240229"}
	_, _, isAmount := other.Amount()
	_, _, isAccount := other.Account()
	_, isDate := other.Date()
	assert.False(t, isAmount || isAccount || isDate, "a text field is none of them, whatever its value")
	assert.True(t, protocol.FieldDate.Known())
	assert.False(t, protocol.OperationFieldType("X").Known())
	assert.False(t, protocol.OperationFieldType("").Known())
}

func TestOperationDataIsNotWrittenWhenAPhoneWouldRefuseIt(t *testing.T) {
	t.Parallel()
	type field = protocol.OperationField
	for name, d := range map[string]protocol.OperationData{
		"version in lower case": {Version: "a"},
		"long version":          {Version: "AB"},
		"negative template":     {Template: -1},
		"template of 100":       {Template: 100},
		"six fields":            {Fields: make([]field, 6)},
		"amount":                {Fields: []field{protocol.AmountField("1,5", "CZK")}},
		"injected field":        {Fields: []field{protocol.AmountField("1CZK*T", "CZK")}},
		"account":               {Fields: []field{protocol.AccountField("cz27 3030", "")}},
		"date":                  {Fields: []field{{Type: protocol.FieldDate, Value: "today"}}},
		"value without type":    {Fields: []field{{Value: "x"}}},
		"asterisk as type":      {Fields: []field{{Type: "*"}}},
		"long type":             {Fields: []field{{Type: "TT"}}},
		"control character":     {Fields: []field{{Type: "T", Value: "a\tb"}}},
		"not UTF-8":             {Fields: []field{{Type: "T", Value: "\xff"}}},
		"too long":              {Fields: []field{{Type: "T", Value: strings.Repeat("x", 9000)}}},
		"year of five digits":   {Fields: []field{protocol.DateField(time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC))}},
	} {
		text, err := d.Encode()
		require.ErrorIs(t, err, protocol.ErrOperationData, name)
		assert.Empty(t, text, name)
	}
}

func FuzzOperationData(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		d, err := protocol.ParseOperationData(s)
		if err != nil || len(d.Fields) > 5 {
			return
		}
		text, err := d.Encode()
		if err != nil {
			// A backslash before an unknown character is written as two.
			if len(s) > 4096 {
				return
			}
			t.Fatalf("cannot write what was parsed from %q: %v", s, err)
		}
		again, err := protocol.ParseOperationData(text)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(d) {
			t.Fatalf("%q was written as %q and read as %v, %v", s, text, again, err)
		}
	})
}
