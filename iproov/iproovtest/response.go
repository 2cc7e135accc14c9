package iproovtest

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/identkit/identkit"
	"github.com/identkit/identkit/internal/fakeserver"
	"github.com/identkit/identkit/iproov"
)

// refuse responds with an error. Its description is not the vendor's, which clients must not match.
func refuse(c *fakeserver.Call, status int, code string) {
	describe(c, status, code, "fake: "+strings.ReplaceAll(code, "_", " "))
}

func describe(c *fakeserver.Call, status int, code, description string) {
	c.JSON(status, map[string]string{"error": code, "error_description": description})
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
	describe(c, s.opts.Dialect.KeyStatus, iproov.CodeInvalidKey, "Invalid Public and/or Private Key")
	return false
}

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func isUserID(id iproov.UserID) bool {
	return id != "" && len(id) <= 256 && strings.Trim(string(id), alphanumeric+"'+_@.-") == ""
}

func isReason(reason string) bool {
	n := utf8.RuneCountInString(reason)
	return n >= 1 && n <= 800 && strings.Trim(reason, alphanumeric+"_.:=()’'\"/ \t\r\n\f\v") == ""
}
