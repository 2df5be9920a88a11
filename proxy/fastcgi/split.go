package fastcgi

import (
	"bytes"
	"fmt"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

var variables = []web.Variable{
	{Name: "fastcgi_script_name", Get: func(r *web.Request, dst []byte) ([]byte, bool) {
		p := split(r)
		dst = append(dst, p.script...)
		if set := slot.Of(r.Location).Settings(); set != nil && bytes.HasSuffix(p.script, []byte("/")) {
			dst = append(dst, set.index.V...)
		}
		return dst, true
	}},
	{Name: "fastcgi_path_info", Get: func(r *web.Request, dst []byte) ([]byte, bool) {
		return append(dst, split(r).info...), true
	}},
}

// readSplit reads fastcgi_split_path_info regex.
func readSplit(s *nc.Scope, d *nc.Directive) error {
	re, err := web.BlockOf(s).HTTP.Regex(d.Args[0], false)
	if err != nil {
		return err
	}
	if re.Groups() != 2 {
		return fmt.Errorf("pattern \"%s\" must have 2 captures", d.Args[0])
	}
	of(s).split = nc.Value[*session.Regex]{V: re, Set: true}
	return nil
}

// parts are those of a request's path: the script, and what is behind it.
type parts struct {
	script, info []byte
	path         []byte         // that was split
	by           *session.Regex // nil: none
}

// partsSlot is where the parts are kept, which several parameters ask for.
var partsSlot = web.NewContext[parts]()

// split splits the path of r as the settings of its location say.
func split(r *web.Request) *parts {
	var by *session.Regex
	if set := slot.Of(r.Location).Settings(); set != nil {
		by = set.split.V
	}
	p := partsSlot.Of(r)
	switch {
	case p == nil:
		p = partsSlot.Take(r)
	case p.by == by && bytes.Equal(p.path, r.Path):
		return p
	}
	*p = parts{script: r.Path, path: r.Path, by: by}
	if by == nil {
		return p
	}
	m, err := by.Captures(r.Path)
	switch {
	case err != nil:
		r.Logf(errorlog.Alert, "pcre2_match() failed: %v on \"%s\" using \"%s\"", err, r.Path, by.Text)
	case m != nil:
		p.script, p.info = group(r.Path, m, 1), group(r.Path, m, 2)
	}
	return p
}

// group returns what a group of a match stands for.
func group(subject []byte, m []int, n int) []byte {
	if m[2*n] < 0 {
		return nil
	}
	return subject[m[2*n]:m[2*n+1]]
}
