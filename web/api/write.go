package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"tandem/internal/errorlog"
	"tandem/status"
	"tandem/web"
)

// writable reports whether something of that path may be changed at all.
func writable(path string) bool {
	return strings.HasPrefix(path, "config/") || strings.HasPrefix(path, "order/")
}

// maxBody is how long a body may be in bytes.
const maxBody = 64 << 10

// write does what a request with another method than GET asks for.
func write(r *web.Request, path, told string) web.Code {
	if !r.SameOrigin() {
		r.Logf(errorlog.Error, "%s %s is refused: it comes from a page of another origin", r.MethodName, told)
		return fail(r, 403, "ForeignOrigin", "The request comes from a page of another origin.")
	}
	if name, ok := strings.CutPrefix(path, "order/"); ok {
		return giveOrder(r, name)
	}
	kind, upstream, server, ok := serverOf(path)
	if !ok {
		return fail(r, 404, "PathNotFound", fmt.Sprintf("Requested API entity %q doesn't exist.", told))
	}
	var params []string
	if r.Method&(web.PUT|web.PATCH|web.POST) != 0 {
		body, code := readBody(r)
		if code == 413 {
			return fail(r, 413, "TooLarge", "The request's body is too large.")
		}
		if code != web.OK {
			return code
		}
		var err error
		if params, err = parameters(body); err != nil {
			return fail(r, 400, "FormatterError", err.Error())
		}
	}
	order := func(verb string, params ...string) (code int, text string) {
		words := append([]string{kind, upstream, verb, server}, params...)
		for _, w := range words {
			if w == "" || strings.ContainsAny(w, " \t\r\n") {
				return 4, "There is no such upstream or server."
			}
		}
		var out bytes.Buffer
		code = r.Server.HTTP.Node.Order(status.ChangeUpstream+strings.Join(words, " "), &out)
		return code, status.Message(out.String())
	}
	code, text := 1, ""
	success, answer := "", 200
	switch r.Method {
	case web.PUT:
		success, answer = "Created", 201
		if code, text = order("add", params...); code == 1 {
			if again, other := order("set", append([]string{"up"}, params...)...); again != 4 {
				success, answer, code, text = "Updated", 200, again, other
			}
		}
	case web.PATCH:
		success = "Updated"
		code, text = order("set", params...)
	case web.DELETE:
		success = "Deleted"
		code, text = order("remove")
	default:
		return fail(r, 405, "MethodNotAllowed", fmt.Sprintf("The %s method is not allowed for the requested API entity %q.", r.MethodName, told))
	}
	switch code {
	case 0:
		return done(r, answer, success, text)
	case 4:
		return fail(r, 404, "EntityNotFound", text)
	case 5:
		return fail(r, 500, "NotKept", text)
	}
	return fail(r, 400, "ConfigError", text)
}

// done answers that something has been done.
func done(r *web.Request, code int, success, description string) web.Code {
	r.DiscardBody()
	return send(r, code, object{"success": success, "description": description})
}

// serverOf takes config/http/upstreams/NAME/servers/SERVER apart.
func serverOf(path string) (kind, upstream, server string, ok bool) {
	rest, ok := strings.CutPrefix(path, "config/")
	if !ok {
		return "", "", "", false
	}
	kind, rest, ok = strings.Cut(rest, "/upstreams/")
	if !ok || kind != "http" && kind != "stream" {
		return "", "", "", false
	}
	upstream, server, ok = strings.Cut(rest, "/servers/")
	return kind, upstream, server, ok && upstream != "" && server != ""
}

// readBody reads the body of a request, which is to be short; 413 says that it is
// not.
func readBody(r *web.Request) ([]byte, web.Code) {
	if r.Head.ContentLength > maxBody {
		return nil, 413
	}
	if !r.HasBody() && r.Head.ContentLength < 0 {
		return nil, web.OK
	}
	if err := r.ExpectContinue(); err != nil {
		return nil, web.Error
	}
	body, err := io.ReadAll(io.LimitReader(r.BodyReader(), maxBody+1))
	switch {
	case err != nil:
		return nil, 400
	case len(body) > maxBody:
		r.CloseAfter()
		return nil, 413
	}
	return body, web.OK
}

// parameters makes parameters of a server directive from JSON.
func parameters(body []byte) ([]string, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	var in struct {
		Server      any     `json:"server"` // it is in the path
		Weight      *int    `json:"weight"`
		MaxConns    *int    `json:"max_conns"`
		MaxFails    *int    `json:"max_fails"`
		FailTimeout any     `json:"fail_timeout"`
		SlowStart   any     `json:"slow_start"`
		Backup      *bool   `json:"backup"`
		Down        *bool   `json:"down"`
		Drain       *bool   `json:"drain"`
		SID         *string `json:"sid"`
		Route       *string `json:"route"`
	}
	from := json.NewDecoder(bytes.NewReader(body))
	from.DisallowUnknownFields()
	if err := from.Decode(&in); err != nil {
		return nil, fmt.Errorf("the body is not what was expected: %w", err)
	}
	var params []string
	if in.Down != nil && !*in.Down || in.Drain != nil && !*in.Drain {
		params = append(params, "up")
	}
	for _, n := range []struct {
		name  string
		value *int
	}{{"weight", in.Weight}, {"max_conns", in.MaxConns}, {"max_fails", in.MaxFails}} {
		if n.value != nil {
			params = append(params, fmt.Sprintf("%s=%d", n.name, *n.value))
		}
	}
	for _, t := range []struct {
		name  string
		value any
	}{{"fail_timeout", in.FailTimeout}, {"slow_start", in.SlowStart}} {
		switch v := t.value.(type) {
		case nil:
		case float64:
			params = append(params, fmt.Sprintf("%s=%ds", t.name, int64(v)))
		case string:
			params = append(params, t.name+"="+v)
		default:
			return nil, errors.New(t.name + " is a time")
		}
	}
	for _, f := range []struct {
		name  string
		value *bool
	}{{"backup", in.Backup}, {"down", in.Down}, {"drain", in.Drain}} {
		if f.value != nil && *f.value {
			params = append(params, f.name)
		}
	}
	if in.Route != nil && *in.Route != "" {
		params = append(params, "route="+*in.Route)
	}
	return params, nil
}

// giveOrder gives the node an order, by its name: demote, promote or reload. The origin
// of the request has been checked.
func giveOrder(r *web.Request, name string) web.Code {
	if r.Method != web.POST {
		return fail(r, 405, "MethodNotAllowed", "An order is given by POST.")
	}
	node := r.Server.HTTP.Node
	switch name {
	case "reload":
		r.Logf(errorlog.Notice, "%s is ordered by a client", name)
		var out bytes.Buffer
		if node.Order(name, &out) != 0 {
			return fail(r, 500, "Failed", status.Message(out.String()))
		}
		return done(r, 200, "Done", status.Message(out.String()))
	case "demote", "promote":
		r.Logf(errorlog.Notice, "%s is ordered by a client", name)
		code, text, ended := status.Promptly(node, name)
		switch {
		case !ended:
			return done(r, 202, "Accepted", text)
		case code != 0:
			return fail(r, 409, "Failed", text)
		}
		return done(r, 200, "Done", text)
	}
	return fail(r, 404, "PathNotFound", "There is no such order.")
}
