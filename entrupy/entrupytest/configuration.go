package entrupytest

import (
	"net/http"
	"strings"

	"github.com/identkit/identkit/internal/fakeserver"
)

// shown is a name in the language of a call.
func shown(c *fakeserver.Call, name string) object {
	if strings.HasPrefix(c.Header().Get("Accept-Language"), "ja") {
		name += " (日本語)"
	}
	return object{"name": name}
}

var brands = []struct {
	name      string
	materials []string
}{{"Acme", []string{"Canvas", "Leather"}}, {"Runner", nil}, {"Weaver", []string{"Wool"}}}

func (s *Server) getConfiguration(c *fakeserver.Call) {
	list := []object{}
	for _, b := range brands {
		materials := []object{}
		for _, m := range b.materials {
			materials = append(materials, object{
				"material_id": strings.ToLower(m), "display": shown(c, m),
				"details": []object{{"field_alias": "color", "display": shown(c, "Color")}},
			})
		}
		list = append(list, object{"brand_id": strings.ToLower(b.name), "display": shown(c, b.name), "materials": materials})
	}
	now := c.Now()
	c.JSON(http.StatusOK, object{"config": object{"brands": list}, "iat": now.Unix(), "exp": now.Add(s.opts.ConfigurationLife).Unix()})
}

func (s *Server) listBrands(c *fakeserver.Call) {
	list := []object{}
	name := "brands"
	for _, b := range brands {
		if s.opts.Dialect.BrandsUnderItems {
			name = "items"
			list = append(list, object{"id": strings.ToLower(b.name), "name": shown(c, b.name)["name"]})
			continue
		}
		list = append(list, object{"brand_id": strings.ToLower(b.name), "display": shown(c, b.name)})
	}
	c.JSON(http.StatusOK, object{name: list})
}
