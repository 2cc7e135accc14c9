package entrupytest

import (
	"net/http"

	"github.com/identkit/identkit/entrupy"
	"github.com/identkit/identkit/internal/fakeserver"
)

func (s *Server) getAuthentication(c *fakeserver.Call, v14 bool) {
	s.respondItem(c, s.find(entrupy.ID(c.PathValue("entrupy_id"))), v14, true)
}

// lookupAuthentication responds with the latest authentication of an item.
func (s *Server) lookupAuthentication(c *fakeserver.Call, v14 bool) {
	var latest *Item
	for _, it := range s.items {
		if it.CustomerItemID == entrupy.CustomerItemID(c.PathValue("lookup_value")) && (latest == nil || !it.Created.Before(latest.Created)) {
			latest = it
		}
	}
	s.respondItem(c, latest, v14, !s.opts.Dialect.LookupIgnoresIncludes)
}

func (s *Server) respondItem(c *fakeserver.Call, it *Item, v14, includes bool) {
	if it == nil {
		s.refuse(c, http.StatusNotFound, "no such authentication")
		return
	}
	item := s.v14(it)
	if !v14 {
		asked := func(name string) bool { return includes && c.Query().Get(name) == "true" }
		item = s.v2(it, asked("include_images"), asked("include_catalog"))
	}
	c.JSON(http.StatusOK, object{"item": item})
}

func (s *Server) flagAuthentication(c *fakeserver.Call) {
	var in struct {
		Reason   string  `json:"reason"`
		Comments *string `json:"comments"`
	}
	if !s.body(c, &in) {
		return
	}
	it := s.find(entrupy.ID(c.PathValue("entrupy_id")))
	switch {
	case it == nil:
		s.refuse(c, http.StatusNotFound, "no such authentication")
	case in.Reason == "":
		s.refuse(c, http.StatusBadRequest, "reason is missing", "reason")
	case it.NotFlaggable || !it.Result.Final:
		s.refuse(c, http.StatusConflict, "cannot be flagged")
	default:
		it.Flag, it.Updated = entrupy.FlagFlagged, c.Now()
		s.changed(it)
		c.JSON(http.StatusOK, object{})
	}
}
