package entrupy

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/identkit/identkit/internal/transport"
	"github.com/identkit/identkit/internal/wire"
)

// codec reads both formats of Entrupy's JSON. Ids and results are read strictly; what surrounds them decides nothing, and is left empty
// where it is of another type.
var codec = wire.NewCodec(json.JoinUnmarshalers(
	json.UnmarshalFromFunc(readAuthentication),
	json.UnmarshalFromFunc(readPage),
	json.UnmarshalFromFunc(readInitialResult),
	json.UnmarshalFromFunc(readFlag),
	json.UnmarshalFromFunc(readNamed),
	json.UnmarshalFromFunc(readImages),
	json.UnmarshalFromFunc(readBrand),
	json.UnmarshalFromFunc(readDisplay),
	transport.Elements[Domain](),
	transport.Elements[webhookBody](),
	wire.Object[*webhookBody](),
	wire.Text[WebhookID](),
	wire.Text[Channel](),
	wire.Text[CustomerItemID](),
	wire.Text[Username](),
	wire.Text[ActivityName](),
	wire.Text[ActivityMode](),
	wire.Text[FormFactor](),
	wire.Text[ProductCategory](),
	wire.Object[Owner](),
	wire.Object[Organization](),
	wire.Object[OrganizationUser](),
	wire.Object[Properties](),
	wire.Object[Activity](),
	wire.Object[Certificate](),
	wire.Object[Timestamp](),
	wire.Object[map[string]string](),
	wire.Object[*CatalogData](),
	wire.Object[ProductInformation](),
	wire.Object[ConditionAssessment](),
	json.UnmarshalFromFunc(readListings),
), nil)

// readAuthentication reads an item, which then keeps its JSON, and checks what a caller depends on.
func readAuthentication(dec *jsontext.Decoder, a *Authentication) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	value = value.Clone()
	type members Authentication // without this function
	var m members
	if err := json.Unmarshal(value, &m, dec.Options()); err != nil {
		return err
	}
	*a = Authentication(m)
	if err := a.complete(value); err != nil {
		return err
	}
	transport.KeepRaw(a, value)
	return nil
}

// readInitialResult reads a result that decides nothing.
func readInitialResult(dec *jsontext.Decoder, r **Result) error {
	*r = nil
	value, err := dec.ReadValue()
	if err != nil || value.Kind() != '{' {
		return err
	}
	var result Result
	if json.Unmarshal(value, &result, dec.Options()) == nil {
		*r = &result
	}
	return nil
}

// readFlag reads a text, null, or an object with an id, as results are.
func readFlag(dec *jsontext.Decoder, f *Flag) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if value.Kind() == '{' {
		value = wire.Member(value, "id")
	}
	switch value.Kind() {
	case 'n':
		*f = ""
		return nil
	case '"':
		var text string
		err := json.Unmarshal(value, &text)
		*f = Flag(text)
		return err
	}
	return errType
}

// readNamed reads an object, or the text that v2 has in its place.
func readNamed(dec *jsontext.Decoder, n *Named) error {
	*n = Named{}
	switch dec.PeekKind() {
	case '{':
		type members Named
		return json.UnmarshalDecode(dec, (*members)(n))
	case '"':
		return json.UnmarshalDecode(dec, &n.Display)
	}
	return dec.SkipValue()
}

// readListings reads a list whose elements must be objects; others are left out.
func readListings(dec *jsontext.Decoder, list *[]MarketplaceListing) error {
	*list = nil
	values, err := elements(dec)
	for _, value := range values {
		var one MarketplaceListing
		if value.Kind() == '{' && json.Unmarshal(value, &one, dec.Options()) == nil {
			*list = append(*list, one)
		}
	}
	return err
}

// elements reads the elements of an array; any other value has none.
func elements(dec *jsontext.Decoder) (all []jsontext.Value, err error) {
	if dec.PeekKind() != '[' {
		return nil, dec.SkipValue()
	}
	err = json.UnmarshalDecode(dec, &all)
	return all, err
}
