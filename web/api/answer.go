package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"tandem/web"
)

// object is one of JSON.
type object = map[string]any

// serve answers a request of a location with api.
func serve(r *web.Request) web.Code {
	c := slot.Of(r.Location)
	path, told := c.of(r)
	node := r.Server.HTTP.Node
	if node == nil {
		return 503
	}
	if r.Method&(web.GET|web.HEAD) == 0 {
		if !c.write || !writable(path) {
			return fail(r, 405, "MethodNotAllowed", fmt.Sprintf("The %s method is not allowed for the requested API entity %q.", r.MethodName, told))
		}
		return write(r, path, told)
	}
	r.DiscardBody()
	epoch, _ := r.Arg("date")
	t := tree{Report: node.Report(), epoch: string(epoch) == "epoch", address: string(r.AppendLocalAddr(nil))}
	found, ok := find(t.root(), path)
	if !ok {
		return fail(r, 404, "PathNotFound", fmt.Sprintf("Requested API entity %q doesn't exist.", told))
	}
	r.Response.Add("Expires", []byte("Thu, 01 Jan 1970 00:00:01 GMT"))
	r.Response.Add("Cache-Control", []byte("no-cache"))
	return send(r, 200, found)
}

// lazy is an element that is made when it is asked for.
type lazy func() any

// find looks for an element by its path. Names may have slashes: of the ways to
// read the path the one with the shortest names counts.
func find(at any, path string) (any, bool) {
	if make, ok := at.(lazy); ok {
		at = make()
	}
	if path == "" {
		return at, true
	}
	if report, ok := at.(wholeReport); ok {
		at = report.parts()
	}
	o, ok := at.(object)
	if !ok {
		return nil, false
	}
	for end := 0; ; end++ {
		if next := strings.IndexByte(path[end:], '/'); next >= 0 {
			end += next
		} else {
			end = len(path)
		}
		// A server has made one of two slashes that stood together.
		for _, name := range []string{path[:end], "/" + path[:end]} {
			if inner, ok := o[name]; ok {
				if found, ok := find(inner, strings.TrimPrefix(path[end:], "/")); ok {
					return found, true
				}
			}
		}
		if end == len(path) {
			return nil, false
		}
	}
}

// whole returns an element with everything in it made.
func whole(v any) any {
	if make, ok := v.(lazy); ok {
		v = make()
	}
	if o, ok := v.(object); ok {
		o = maps.Clone(o)
		for name := range o {
			o[name] = whole(o[name])
		}
		return o
	}
	return v
}

var contentType = []byte("application/json")

// send answers with an element.
func send(r *web.Request, status int, v any) web.Code {
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetEscapeHTML(true)
	if pretty, ok := r.Arg("pretty"); !ok || string(pretty) != "off" {
		out.SetIndent("", "    ")
	}
	if err := out.Encode(whole(v)); err != nil {
		return 500
	}
	r.Response.Add("X-Content-Type-Options", []byte("nosniff"))
	return r.SendBytes(status, contentType, text.Bytes())
}

// fail answers that something cannot be done.
func fail(r *web.Request, status int, err, description string) web.Code {
	r.DiscardBody()
	return send(r, status, object{"error": err, "description": description})
}
