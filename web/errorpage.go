package web

import (
	"fmt"
	"strconv"
	"strings"

	nc "tandem/nginxconf"
	"tandem/session"
)

// ErrorPage is one status of an error_page directive.
type ErrorPage struct {
	status    Code
	overwrite int // the status to answer with; -1: the original, 0: that of the page
	uri       *session.Template
	args      []byte // of a uri without variables
}

// readErrorPage reads error_page code ... [=[response]] uri.
func readErrorPage(s *nc.Scope, d *nc.Directive) error {
	b := BlockOf(s)
	pages := &b.Location.Core.ErrorPages
	n := len(d.Args)
	target := d.Args[n-1]
	codes := d.Args[:n-1]
	overwrite := -1
	if last := codes[len(codes)-1]; strings.HasPrefix(last, "=") {
		codes = codes[:len(codes)-1]
		overwrite = 0
		if last != "=" {
			v, err := strconv.Atoi(last[1:])
			if err != nil {
				return fmt.Errorf("invalid value %q", last)
			}
			overwrite = v
		}
	}
	uri, args := target, []byte(nil)
	if path, query, ok := strings.Cut(target, "?"); ok && strings.HasPrefix(target, "/") && !session.HasVariables(target) {
		uri, args = path, []byte(query)
	}
	t, err := b.HTTP.Template(d, uri)
	if err != nil {
		return err
	}
	for _, word := range codes {
		code, err := strconv.Atoi(word)
		if err != nil || code == 499 {
			return fmt.Errorf("invalid value %q", word)
		}
		if code < 300 || code > 599 {
			return fmt.Errorf("value %q must be between 300 and 599", word)
		}
		page := &ErrorPage{status: Code(code), overwrite: overwrite, uri: t, args: args}
		if overwrite < 0 {
			switch page.status {
			case StatusToHTTPS, StatusCertError, StatusNoCert, StatusRequestHeaderTooLarge:
				page.overwrite = 400
			}
		}
		pages.V = append(pages.V, page)
	}
	pages.Set = true
	return nil
}

// HasErrorPage reports whether error_page says something about the status.
func (c *Core) HasErrorPage(status Code) bool {
	for _, page := range c.ErrorPages.V {
		if page.status == status {
			return true
		}
	}
	return false
}
