package fastcgi

import (
	"slices"

	nc "tandem/nginxconf"
	"tandem/proxy/cgi"
	"tandem/session"
	"tandem/web"
)

// Module is fastcgi_pass and its directives.
var Module = &web.Module{
	Name:      "fastcgi",
	Commands:  commands(),
	Variables: variables,
	Init:      protocol.AddTempFolder(settingsOf),
}

// settings are those of one location.
type settings struct {
	cgi.Settings
	keepConn    nc.Value[bool]
	catchStderr nc.Value[[]string]
	index       nc.Value[string]
	split       nc.Value[*session.Regex] // nil: the whole path is the script's
}

var slot = web.NewLocationSlot(cgi.Inherit(func(c, p *settings) error {
	if err := c.Settings.Inherit(&p.Settings, protocol.Family); err != nil {
		return err
	}
	c.keepConn.Inherit(p.keepConn, false)
	c.catchStderr.Inherit(p.catchStderr, nil)
	c.index.Inherit(p.index, "")
	c.split.Inherit(p.split, nil)
	return nil
}))

// protocol is how locations pass requests on.
var protocol = &cgi.Protocol{Family: cgi.Family("fastcgi", "Status"), Scheme: "fastcgi://", RedirectsVariables: true}

func commands() []nc.Command {
	const in = nc.HTTP | nc.Server | nc.Location
	protocol.Handler, protocol.Own = handle, own
	return slices.Concat(protocol.Commands(func(s *nc.Scope) *cgi.Settings { return &of(s).Settings }), []nc.Command{
		protocol.SendLowat(),
		{Name: "fastcgi_index", In: in, Arity: nc.Take1,
			Set: nc.SetString(func(s *nc.Scope) *nc.Value[string] { return &of(s).index })},
		{Name: "fastcgi_split_path_info", In: in, Arity: nc.Take1, Set: readSplit},
		{Name: "fastcgi_keep_conn", In: in, Arity: nc.Flag,
			Set: nc.SetFlag(func(s *nc.Scope) *nc.Value[bool] { return &of(s).keepConn })},
		{Name: "fastcgi_catch_stderr", In: in, Arity: nc.Take1,
			Set: nc.SetStrings(func(s *nc.Scope) *nc.Value[[]string] { return &of(s).catchStderr })},
	})
}

// of returns the settings of the level being read.
func of(s *nc.Scope) *settings { return slot.Of(web.BlockOf(s).Location).Own() }

// settingsOf returns what the three protocols have of the settings of l, nil
// without any.
func settingsOf(l *web.Location) *cgi.Settings {
	if c := slot.Of(l).Settings(); c != nil {
		return &c.Settings
	}
	return nil
}
