package transport

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/identkit/identkit/internal/input"
)

// URL refuses a text that is no absolute URL with one of the schemes, or that could never be reached: white space and control
// characters, which net/url would escape and send, and a port outside 1 to 65535. It returns nil when it refuses.
func (c *Check) URL(field, text string, schemes ...string) *url.URL {
	u, err := url.Parse(text)
	switch {
	case text == "":
		c.Refuse(field, "is empty")
	case strings.ContainsFunc(text, input.IsInvisible):
		c.Refuse(field, "has white space or a control character")
	case err != nil:
		c.Refuse(field, "is not a URL")
	case !slices.Contains(schemes, u.Scheme) || u.Hostname() == "":
		c.Refuse(field, "is not an absolute URL with "+schemes[0]+"://")
	case !hasGoodPort(u):
		c.Refuse(field, "has a port that is not 1 to 65535")
	default:
		return u
	}
	return nil
}

func hasGoodPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}
