package nginxconf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"tandem/internal/errorlog"
)

// depthMax bounds how deep blocks may be nested, and includes.
const depthMax = 500

// Directive is one simple or block directive as read.
type Directive struct {
	Name     string
	Args     []string     // unescaped as nginx does
	Quoted   []bool       // per Args: the word was written in quotes
	Block    []*Directive // of a block directive; includes are expanded in place
	IsBlock  bool
	Pos      Pos // of the ";" or "{"
	ClosePos Pos // of the "}" of a block directive
}

// File is one file that was read.
type File struct {
	Name string // full name as nginx prints it
	Data []byte
}

// Tree is a configuration as read.
type Tree struct {
	Main  []*Directive // the main level; what -g says comes first
	Files []File       // each file once, in the order of first reading

	prefix     string // with a "/" at its end, or empty
	confPrefix string
}

// Options say where to read from.
type Options struct {
	// Prefix is what the names of files are relative to, nginx's option -p.
	// Empty: the current folder.
	Prefix string
	// Globals is the text of nginx's option -g, read before the file.
	Globals string
	// ReadFile reads a file. nil: os.ReadFile.
	ReadFile func(name string) ([]byte, error)
	// Glob returns the names that match an include's pattern, sorted; none is
	// no error. nil: as glob(3) does in the file system.
	Glob func(pattern string) ([]string, error)
	// BuiltinFiles are used, with a warning, when an included file with one of
	// these base names does not exist (mime.types).
	BuiltinFiles map[string][]byte
}

// Read reads the configuration file, relative to opt.Prefix, and all it
// includes; without a file it reads opt.Globals alone. Syntax errors do not end the reading where the text can still be
// made sense of, and never that of other files. The tree holds everything
// that could be read, whatever the errors; they can hold warnings only, see
// Errors.Failed.
func Read(file string, opt Options) (*Tree, Errors) {
	if opt.ReadFile == nil {
		opt.ReadFile = os.ReadFile
	}
	if opt.Glob == nil {
		opt.Glob = glob
	}
	prefix := opt.Prefix
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	name := fullName(prefix, file)
	r := &reader{
		opt:  opt,
		seen: map[string]string{},
		tree: &Tree{prefix: prefix, confPrefix: name[:strings.LastIndexByte(name, '/')+1]},
	}
	if opt.Globals != "" {
		lx := &lexer{text: opt.Globals, param: true}
		r.tree.Main = r.block(lx, Pos{File: CommandLine}, 0)
	}
	if file != "" {
		r.tree.Main = append(r.tree.Main, r.file(name, nil)...)
	}
	return r.tree, r.errs
}

// Dump writes all files in the form of nginx's option -T.
func (t *Tree) Dump(w io.Writer) error {
	for _, f := range t.Files {
		if _, err := fmt.Fprintf(w, "# configuration file %s:\n%s\n", f.Name, f.Data); err != nil {
			return fmt.Errorf("writing the configuration: %w", err)
		}
	}
	return nil
}

// fullName returns name itself if it is absolute, else prefix+name: like
// nginx, without tidying the path.
func fullName(prefix, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return prefix + name
}

// reader holds what one Read needs.
type reader struct {
	opt   Options
	tree  *Tree
	errs  Errors
	seen  map[string]string // text of each file read so far
	words []word            // scratch of block

	// Directives and their words are cut from larger pieces: a big
	// configuration has hundreds of thousands of them.
	spareDirectives []Directive
	spareArgs       []string
	spareQuoted     []bool
}

func (r *reader) errorAt(pos Pos, format string, args ...any) {
	r.errs = append(r.errs, &Error{Pos: pos, Msg: fmt.Sprintf(format, args...)})
}

// file reads one file; included is the include directive that names it.
func (r *reader) file(name string, included *Pos) []*Directive {
	depth := 0
	for p := included; p != nil; p = p.Included {
		// nginx goes on until it runs out of file descriptors.
		if depth++; p.File == name || depth > depthMax {
			r.errorAt(*included, `include of "%s" never ends, it includes itself`, name)
			return nil
		}
	}
	text, ok := r.seen[name]
	if !ok {
		data, err := r.load(name, included)
		if err != nil {
			r.errs = append(r.errs, err)
			return nil
		}
		text = string(data)
		r.seen[name] = text
		r.tree.Files = append(r.tree.Files, File{Name: name, Data: data})
	}
	lx := &lexer{text: text, line: 1, max: wordMax}
	return r.block(lx, Pos{File: name, Included: included}, 0)
}

// load returns the content of a file, or of the built-in one in its place.
func (r *reader) load(name string, included *Pos) ([]byte, *Error) {
	data, err := r.opt.ReadFile(name)
	if err == nil {
		return data, nil
	}
	e := fileError(name, err)
	if included != nil {
		e.Pos = *included
		builtin, ok := r.opt.BuiltinFiles[path.Base(name)]
		if ok && errors.Is(err, os.ErrNotExist) {
			e.Severity = Warn
			e.Msg += ", using the built-in " + path.Base(name)
			r.errs = append(r.errs, e)
			return builtin, nil
		}
	}
	return nil, e
}

// fileError puts the failure to read a file into nginx's words.
func fileError(name string, err error) *Error {
	call, severity := "open()", Emerg
	var pe *os.PathError
	if errors.As(err, &pe) && pe.Op == "read" {
		call, severity = "pread()", Crit
	}
	return &Error{Severity: severity, Msg: fmt.Sprintf(`%s "%s" failed (%s)`, call, name, errorlog.Reason(err)), Err: err}
}

// block reads directives up to the "}" of the block at the given depth, at
// depth 0 up to the end of the text. base is the position of the text,
// without a line.
func (r *reader) block(lx *lexer, base Pos, depth int) []*Directive {
	var ds []*Directive
	for !lx.broken {
		words, end, err := lx.statement(r.words[:0])
		r.words = words
		pos := base
		pos.Line, pos.Offset = lx.line, lx.pos
		if err != nil {
			pos.Line = err.line
			if err.then == stopFile {
				lx.broken = true
				pos.Offset++ // after what there is to say about the last directive
			}
			r.errorAt(pos, "%s", err.msg)
		}
		switch {
		case lx.broken:
		case end == endText && depth > 0:
			pos.Offset++ // as above
			r.errorAt(pos, `unexpected end of file, expecting "}"`)
			lx.broken = true
		case end == endText:
			return ds
		case end == endClose && depth == 0:
			// Whatever follows was meant for a block that is closed by now.
			r.errorAt(pos, `unexpected "}"`)
			lx.broken = true
		case end == endClose:
			return ds
		case end == endOpen && lx.param:
			r.errorAt(pos, "block directives are not supported in -g option")
			lx.broken = true
		case end == endOpen && depth == depthMax:
			r.errorAt(pos, "blocks are nested more than %d deep", depthMax)
			lx.broken = true
		case end == endOpen && len(words) == 0:
			r.block(lx, base, depth+1) // already reported, but its "}" must be found
		case end == endOpen:
			d := r.directive(pos)
			d.IsBlock = true
			if isLuaBlock(d.Name) {
				r.lua(lx, base)
			} else {
				d.Block = r.block(lx, base, depth+1)
			}
			d.ClosePos = base
			d.ClosePos.Line, d.ClosePos.Offset = lx.line, lx.pos
			if d.Name == "include" {
				r.errorAt(pos, `directive "include" is not terminated by ";"`)
				continue
			}
			ds = append(ds, d)
		case len(words) == 0: // a lone ";", already reported
		default:
			d := r.directive(pos)
			if d.Name == "include" {
				ds = append(ds, r.include(d)...)
				continue
			}
			ds = append(ds, d)
		}
	}
	return ds
}

// lua passes over the text of a Lua block.
func (r *reader) lua(lx *lexer, base Pos) {
	if lx.skipLua() {
		return
	}
	base.Line, base.Offset = lx.line, lx.pos
	r.errorAt(base, `unexpected end of file, expecting "}"`)
	lx.broken = true
}

// include reads what an include directive names.
func (r *reader) include(d *Directive) []*Directive {
	if len(d.Args) != 1 {
		r.errorAt(d.Pos, `invalid number of arguments in "include" directive`)
		return nil
	}
	name := fullName(r.tree.confPrefix, d.Args[0])
	if !strings.ContainsAny(name, "*?[") {
		return r.file(name, &d.Pos)
	}
	names, err := r.opt.Glob(name)
	if err != nil {
		r.errs = append(r.errs, &Error{Pos: d.Pos, Err: err,
			Msg: fmt.Sprintf(`glob() "%s" failed (%s)`, name, errorlog.Reason(err))})
	}
	var ds []*Directive
	for _, name := range names {
		ds = append(ds, r.file(name, &d.Pos)...)
	}
	return ds
}

// directive makes a directive of the words read last.
func (r *reader) directive(pos Pos) *Directive {
	if len(r.spareDirectives) == 0 {
		r.spareDirectives = make([]Directive, 128)
	}
	d := &r.spareDirectives[0]
	r.spareDirectives = r.spareDirectives[1:]
	d.Name, d.Pos = r.words[0].text, pos

	n := len(r.words) - 1
	if len(r.spareArgs) < n {
		r.spareArgs = make([]string, max(256, n))
		r.spareQuoted = make([]bool, max(256, n))
	}
	d.Args, r.spareArgs = r.spareArgs[:n:n], r.spareArgs[n:]
	d.Quoted, r.spareQuoted = r.spareQuoted[:n:n], r.spareQuoted[n:]
	for i, w := range r.words[1:] {
		d.Args[i], d.Quoted[i] = w.text, w.quoted
	}
	return d
}
