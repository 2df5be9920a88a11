package web

import "tandem/session"

// MapPath appends the file name that the request's path stands for under root
// or alias. It fails for an alias that does not fit the path.
func (r *Request) MapPath(dst []byte) ([]byte, bool) {
	dst, _, ok := r.MapPathRoot(dst)
	return dst, ok
}

// MapPathRoot is MapPath; root is the length of the part that comes from the
// configuration.
func (r *Request) MapPathRoot(dst []byte) (file []byte, root int, ok bool) {
	start := len(dst)
	c := r.Core
	dst = r.AppendRoot(dst)
	rest := r.Path
	root = len(dst) - start
	if c.Alias.On {
		if !r.LocationValid {
			r.Logf(errLevelAlert, "\"alias\" cannot be used in location \"%s\" where URI was rewritten", r.Location.Name)
			return dst, 0, false
		}
		if c.Alias.Whole && !r.AddPathToAlias {
			return dst, root, true
		}
		if len(c.Alias.Name) > len(rest) {
			return dst, 0, false
		}
		rest = rest[len(c.Alias.Name):]
		if leavesAlias(dst, rest) {
			r.Logf(errLevelError, "\"%s\" leads out of the alias of location \"%s\"", r.Path, c.Alias.Name)
			return dst, 0, false
		}
	}
	return append(dst, rest...), root, true
}

// leavesAlias reports whether a path leads to the folder above an alias that
// ends with a slash: location /a { alias /b/; } makes /b/../c of /a../c.
func leavesAlias(alias, rest []byte) bool {
	return len(rest) > 1 && rest[0] == '.' && rest[1] == '.' && (len(rest) == 2 || rest[2] == '/') &&
		len(alias) > 0 && alias[len(alias)-1] == '/'
}

// AppendRoot appends the value of root or alias, absolute.
func (r *Request) AppendRoot(dst []byte) []byte {
	c := r.Core
	if c.Root.V.Vars == nil {
		return append(dst, c.Root.V.Text...)
	}
	start := len(dst)
	dst = c.Root.V.Vars.Append(&r.Session, dst)
	if start == len(dst) || dst[start] != '/' {
		value := r.Keep(dst[start:])
		dst = append(append(dst[:start], r.Server.HTTP.Prefix...), value...)
	}
	if !c.Alias.On {
		for len(dst) > start+1 && dst[len(dst)-1] == '/' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}

// AppendRoot is Request.AppendRoot for the request of a session.
func AppendRoot(s *session.Session, dst []byte) []byte { return RequestOf(s).AppendRoot(dst) }
