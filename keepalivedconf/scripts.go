package keepalivedconf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"tandem/keepalivedconf/text"
)

// command reads the program of a script keyword from its raw line: `KEYWORD PROGRAM` or `KEYWORD "PROGRAM ARG..."`. The
// words after the program's own are returned too: a user and group, where the keyword takes them.
func (b *builder) command(s *Statement) (c Command, after []string) {
	words, open, dangling := text.SplitQuoted(s.Raw, false)
	if open != 0 {
		b.say(text.KindQuote, s.Pos, "String '%s': missing terminating %c", s.Raw, open)
		return c, nil
	}
	if dangling || len(words) < 2 {
		b.note(s, "Missing escape char at end: '%s'", s.Raw)
		return c, nil
	}
	args, open, dangling := text.SplitQuoted(words[1], true)
	if open != 0 {
		b.say(text.KindQuote, s.Pos, "String '%s': missing terminating %c", words[1], open)
		return c, nil
	}
	if dangling {
		b.note(s, "Missing escape char at end: '%s'", words[1])
		return c, nil
	}
	c = Command{Pos: s.Pos, Args: args}
	if older := olderArgs(s.Raw); older != nil && !slices.Equal(older, args) {
		later := c.String()
		c.Args = older
		b.advice(s.Pos, "write single quotes in place of the escaped ones, which every version reads alike",
			"%s is read as by keepalived up to 2.3.1: %s; later versions run %s", s.Name(), c, later)
	}
	return c, words[2:]
}

// olderArgs returns the program and its arguments as keepalived up to 2.3.1 reads them, which takes away backslashes
// twice, so that \" in double quotes quotes the words between; nil if nothing in the line does that, or if that reading
// makes no sense. Later versions take such a quote for part of a word, which tears `sh -c \"...\"` apart.
func olderArgs(raw string) []string {
	if !strings.Contains(raw, `\"`) {
		return nil
	}
	words, open, dangling := text.SplitQuoted(raw, true)
	if open != 0 || dangling || len(words) < 2 {
		return nil
	}
	args, open, dangling := text.SplitQuoted(words[1], true)
	if open != 0 || dangling {
		return nil
	}
	return args
}

// owner reads "USER [:][GROUP]" into c. It returns false if there is no such user or group.
func (b *builder) owner(s *Statement, c *Command, words []string) bool {
	c.User = words[0]
	if len(words) > 1 {
		c.Group = words[1]
		if group, colon := strings.CutPrefix(c.Group, ":"); colon {
			c.Group, c.Supplementary = group, true
		}
	}
	if _, _, ok := b.opt.Host.User(c.User); !ok {
		b.note(s, "Script user '%s' does not exist", c.User)
		return false
	}
	if c.Group != "" {
		if _, ok := b.opt.Host.Group(c.Group); !ok {
			b.note(s, "Script group '%s' does not exist", c.Group)
			return false
		}
	}
	return true
}

// notifyCommand reads a notify script with its optional user and group.
func (b *builder) notifyCommand(s *Statement) Command {
	c, after := b.command(s)
	if !c.Set() {
		return Command{}
	}
	if len(after) > 0 && !b.owner(s, &c, after) {
		b.note(s, "Invalid user/group for %s script %s - ignoring", s.Name(), c.Args[0])
		return Command{}
	}
	if len(after) == 0 && !b.defaultOwner(s.Pos) {
		b.note(s, "Failed to set default user for %s script %s - ignoring", s.Name(), c.Args[0])
		return Command{}
	}
	return c
}

// defaultScriptUser is who runs scripts if nobody was named, where that user exists.
const defaultScriptUser = "keepalived_script"

// defaultOwner reports whether scripts without a user of their own may run: with enable_script_security they may not
// run as root for want of anybody else, which is reported once.
func (b *builder) defaultOwner(at Pos) bool {
	g := &b.cfg.Global
	if g.scriptUserGiven {
		return g.ScriptUser != ""
	}
	if _, _, ok := b.opt.Host.User(defaultScriptUser); ok || !g.ScriptSecurity {
		return true
	}
	if !b.once[defaultScriptUser] {
		b.once[defaultScriptUser] = true
		b.say(text.KindGeneral, at, "Unable to set default user %s for script", defaultScriptUser)
		b.hint("name a script_user in global_defs, or make a user %s", defaultScriptUser)
	}
	return false
}

func setScriptUser(b *builder, g *Global, s *Statement) {
	if !b.named(s, "No script username specified") {
		return
	}
	c := Command{}
	g.scriptUserGiven = true
	if !b.owner(s, &c, s.Words[1:]) {
		b.err(s, "Error setting global script uid/gid")
		g.ScriptUser, g.ScriptGroup = "", ""
		return
	}
	g.ScriptUser, g.ScriptGroup, g.ScriptSupplementary = c.User, c.Group, c.Supplementary
}

func (b *builder) fifo(s *Statement, f *FIFO, kind string) {
	switch {
	case s.Args() == 0:
		b.err(s, "No %snotify_fifo name specified", kind)
		return
	case f.Name != "":
		b.err(s, "%snotify_fifo already specified - ignoring %s", kind, s.Arg(1))
		return
	}
	c := Command{}
	if s.Args() > 1 && !b.owner(s, &c, s.Words[2:]) {
		b.note(s, "Invalid user/group for %s fifo %s - ignoring", kind, s.Arg(1))
		return
	}
	if s.Args() == 1 && !b.defaultOwner(s.Pos) {
		b.note(s, "Failed to set default user for %s fifo %s - ignoring", kind, s.Arg(1))
		return
	}
	f.Pos, f.Name, f.User, f.Group = s.Pos, s.Arg(1), c.User, c.Group
}

func (b *builder) fifoScript(s *Statement, f *FIFO, kind string) {
	switch {
	case s.Args() == 0:
		b.err(s, "No %snotify_fifo_script specified", kind)
	case f.Script.Set():
		b.err(s, "%snotify_fifo_script already specified - ignoring %s", kind, s.Arg(1))
	default:
		f.Script = b.notifyCommand(s)
	}
}

// scriptFacts is what is known about a program after looking at it.
type scriptFacts struct {
	found      bool
	executable bool
	insecure   bool   // somebody else than root can change it, and root runs it
	system     bool   // a "</path" check: a file is opened, nothing is run
	why        string // if it is not found, not executable or insecure
}

// inspect looks at a program as the user who will run it.
func (b *builder) inspect(look ScriptInspector, c Command) scriptFacts {
	name := c.Args[0]
	if strings.HasPrefix(name, "<") && strings.HasPrefix(strings.TrimLeft(name[1:], " \t"), "/") {
		return scriptFacts{found: true, system: true}
	}
	path, err := look.Look(name)
	if err != nil {
		return scriptFacts{why: err.Error()}
	}
	parts, err := look.Path(path)
	if err != nil || len(parts) == 0 {
		return scriptFacts{why: "cannot be accessed"}
	}
	uid, gid := b.ids(c)
	f := scriptFacts{found: true}
	file := parts[len(parts)-1]
	f.executable = file.Mode.IsRegular() && mayExecute(file, uid, gid)
	if !f.executable {
		f.why = "is not executable by the user it runs as"
		return f
	}
	setuid := file.UID == 0 && file.Mode&fs.ModeSetuid != 0 || file.GID == 0 && file.Mode&fs.ModeSetgid != 0
	if uid != 0 && gid != 0 && !setuid {
		return f
	}
	for _, p := range parts {
		open := p.Mode.Perm()&0o002 != 0 || p.GID != 0 && p.Mode.Perm()&0o020 != 0
		if p.Mode.IsDir() && p.Mode&fs.ModeSticky != 0 || p.Mode&fs.ModeSymlink != 0 {
			open = false
		}
		if p.UID != 0 || open {
			f.insecure = true
			f.why = p.Name + " can be changed by others than root"
			break
		}
	}
	return f
}

// ids is who runs a command.
func (b *builder) ids(c Command) (uid, gid int) {
	name, group := c.User, c.Group
	if name == "" {
		name, group = b.cfg.Global.ScriptUser, b.cfg.Global.ScriptGroup
	}
	if name == "" {
		name = defaultScriptUser
	}
	uid, gid, ok := b.opt.Host.User(name)
	if !ok {
		return os.Getuid(), os.Getgid()
	}
	if g, known := b.opt.Host.Group(group); group != "" && known {
		gid = g
	}
	return uid, gid
}

func mayExecute(p PathPart, uid, gid int) bool {
	perm := p.Mode.Perm()
	switch {
	case uid == 0:
		return perm&0o111 != 0
	case uid == p.UID:
		return perm&0o100 != 0
	case gid == p.GID:
		return perm&0o010 != 0
	}
	return perm&0o001 != 0
}

// lookScript finds a program and resolves the links in its path.
func lookScript(name string) (string, error) {
	if !strings.Contains(name, "/") {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			candidate := filepath.Join(dir, name)
			if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
				return filepath.EvalSymlinks(candidate)
			}
		}
		return "", errors.New("not found in PATH")
	}
	path, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", errors.New("not found or not accessible")
	}
	return filepath.Abs(path)
}

// pathParts describes every directory on the way to path, and path.
func pathParts(path string) ([]PathPart, error) {
	var parts []PathPart
	for at := 0; ; {
		next := strings.IndexByte(path[at:], '/')
		name := path
		if next >= 0 {
			name = path[:at+next]
			at += next + 1
			if name == "" {
				name = "/"
			}
		}
		info, err := os.Lstat(name)
		if err != nil {
			return nil, err
		}
		p := PathPart{Name: name, Mode: info.Mode()}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			p.UID, p.GID = int(st.Uid), int(st.Gid)
		}
		parts = append(parts, p)
		if next < 0 {
			return parts, nil
		}
	}
}

// lifecycleScript is startup_script and shutdown_script.
func (b *builder) lifecycleScript(s *Statement, into *Command, kind string) {
	switch {
	case into.Set():
		b.err(s, "%s script already specified", kind)
	case s.Args() == 0:
		b.err(s, "%s script missing", kind)
	default:
		if *into = b.notifyCommand(s); !into.Set() {
			b.err(s, "Invalid %s script", kind)
		}
	}
}

func (b *builder) lifecycleTimeout(s *Statement, into *time.Duration, kind string) {
	if s.Args() == 0 {
		b.err(s, "%s_script_timeout requires value", kind)
		return
	}
	var seconds int
	if b.count(s, 1, 1000, &seconds, kind+"_script_timeout '%s' must be in [1, 1000] - ignoring") {
		*into = time.Duration(seconds) * time.Second
	}
}
