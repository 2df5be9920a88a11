package nginxconf

import (
	"fmt"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// modules are the modules from elsewhere whose directives crossplane knows.
var modules = []struct {
	name  string
	match crossplane.MatchFunc
}{
	{"lua", crossplane.MatchLuaLatest},
	{"headers-more", crossplane.MatchHeadersMoreLatest},
	{"njs", crossplane.MatchNjsLatest},
	{"otel", crossplane.MatchOtelLatest},
	{"geoip2", crossplane.MatchGeoip2Latest},
}

// unknown reports a directive that has no command here. elsewhere: it has one
// in another context.
func (b *binder) unknown(s *Scope, d *Directive, elsewhere bool) {
	if elsewhere {
		s.Errorf(d, `"%s" directive is not allowed here`, d.Name)
		return
	}
	if e := b.unsupported[d.Name]; e != nil {
		e.Also = append(e.Also, d.Pos)
		return
	}
	if msg := unsupported(d.Name); msg != "" {
		e := &Error{Pos: d.Pos, Msg: msg}
		b.unsupported[d.Name] = e
		b.errs = append(b.errs, e)
		return
	}
	s.Errorf(d, `unknown directive "%s"`, d.Name)
}

// unsupported returns the message for a directive that nginx or one of its
// modules knows, "" for any other name.
func unsupported(name string) string {
	if _, ok := crossplane.MatchOssLatest(name); ok {
		return fmt.Sprintf(`"%s" is a directive of nginx that tandem does not support yet`, name)
	}
	if _, ok := crossplane.MatchNginxPlusLatest(name); ok {
		return fmt.Sprintf(`"%s" is a directive of nginx Plus that tandem does not support yet`, name)
	}
	for _, m := range modules {
		if _, ok := m.match(name); ok {
			return fmt.Sprintf(`"%s" is a directive of the %s module, which tandem does not support`, name, m.name)
		}
	}
	return ""
}
