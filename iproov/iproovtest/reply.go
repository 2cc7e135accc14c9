package iproovtest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/iproov"
)

// refuse answers with an error body. The descriptions are made up: the vendor's must not be matched.
func refuse(c *fakeserver.Call, status int, code string) {
	c.JSON(status, map[string]string{"error": code, "error_description": "fake: " + strings.ReplaceAll(code, "_", " ")})
}

// body reads a JSON request body, or refuses it.
func body(c *fakeserver.Call, v any) bool {
	if !c.HasJSON() || c.Decode(v) != nil {
		refuse(c, http.StatusBadRequest, iproov.CodeMissingData)
		return false
	}
	return true
}

// keyed checks API key and secret.
func (s *Server) keyed(c *fakeserver.Call, apiKey, secret string) bool {
	if identkit.Secret(apiKey) == s.opts.APIKey && slices.Contains(s.secrets, identkit.Secret(secret)) {
		return true
	}
	c.JSON(s.opts.Dialect.KeyStatus, map[string]string{"error": iproov.CodeInvalidKey, "error_description": "Invalid Public and/or Private Key"})
	return false
}

func isUserID(id iproov.UserID) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'+_@.-"
	return id != "" && len(id) <= 256 && strings.Trim(string(id), letters) == ""
}
