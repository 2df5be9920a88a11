package text

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// includeCheck is what has to be true of an include for it to be no error.
type includeCheck uint8

const (
	includeReadable includeCheck = 1 << iota // what is found can be read
	includeMatch                             // something is found, unless wildcards were used
	includeWildcard                          // something is found even then
	includeBrace                             // every alternative of {a,b} is found
	includeAll      = includeReadable | includeMatch | includeWildcard | includeBrace
)

// includeKeywords are the spellings of include and what each demands beyond include_check.
var includeKeywords = []struct {
	name  string
	check includeCheck
}{
	{"include", 0},
	{"includer", includeReadable},
	{"includem", includeReadable | includeMatch},
	{"includew", includeReadable | includeMatch | includeWildcard},
	{"includeb", includeReadable | includeBrace},
	{"includea", includeAll},
}

// File is one file that was read, for printing the configuration as a whole.
type File struct {
	Name string // as it was opened
	Data []byte
}

// openFiles is the files of one include, read one after the other.
type openFiles struct {
	names   []string
	check   includeCheck
	saved   includeCheck // include_check outside, restored at the end of each file
	back    Pos          // the include's own line
	current *fileLines
}

func (o *openFiles) next(r *lineReader) (string, bool) {
	for {
		if o.current != nil {
			if text, ok := o.current.next(r); ok {
				return text, true
			}
			o.current = nil
			r.check = o.saved
			r.endDefinition()
		}
		if len(o.names) == 0 || r.over {
			return "", false
		}
		name := o.names[0]
		o.names = o.names[1:]
		r.pos = o.back
		data, err := r.opt.ReadFile(name)
		if err != nil {
			var pe *fs.PathError
			if errors.As(err, &pe) {
				err = pe.Err
			}
			r.fileProblem(o.check, includeReadable, "Configuration file '%s' open problem (%s) - skipping", name, err)
			continue
		}
		r.files = append(r.files, File{name, data})
		o.current = &fileLines{name: name, data: data}
	}
}

// close puts the reader's position back behind the include.
func (o *openFiles) close(r *lineReader) { r.pos = o.back }

// dir is the directory of the file being read: what relative names in it are relative to.
func (r *lineReader) dir() string {
	for i := len(r.stack) - 1; i >= 0; i-- {
		if f, ok := r.stack[i].(*openFiles); ok && f.current != nil {
			return filepath.Dir(f.current.name)
		}
	}
	return "."
}

// fileProblem reports a problem with an included file: an error if the include demands otherwise, else a note.
func (r *lineReader) fileProblem(check, demand includeCheck, format string, args ...any) {
	kind := KindNote
	if (check|r.check)&demand != 0 {
		kind = KindFile
	}
	r.say(kind, format, args...)
}

// include opens the files that an include line names; it returns false if text is no include.
func (r *lineReader) include(text string) bool {
	word, name, found := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	if !found {
		return false
	}
	for _, k := range includeKeywords {
		if word == k.name {
			r.open(strings.TrimLeft(text[len(word):], Blanks), strings.TrimSpace(name) != "", k.check)
			return true
		}
	}
	return false
}

func (r *lineReader) open(pattern string, named bool, check includeCheck) {
	if !named {
		return
	}
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(r.dir(), pattern)
	}
	var names []string
	missing, wild := false, false
	for _, one := range braceExpand(pattern) {
		if !strings.ContainsAny(one, "*?[") {
			if _, err := r.opt.Stat(one); err != nil {
				missing = true
				continue
			}
			names = append(names, one)
			continue
		}
		wild = true
		matches, err := r.opt.Glob(one)
		if err != nil {
			r.fileProblem(check, includeReadable, "Error reading config file(s): glob(\"%s\"): %v, skipping.", one, err)
			continue
		}
		names = append(names, matches...)
	}
	switch {
	case len(names) > 0 && missing:
		r.fileProblem(check, includeBrace, "Some config files missing: \"%s\".", pattern)
		if (check|r.check)&includeBrace != 0 {
			return
		}
	case len(names) > 0:
	case missing:
		demand := includeMatch
		if strings.Contains(pattern, "{") {
			demand = includeBrace
		}
		r.fileProblem(check, demand, "Config files missing '%s'.", pattern)
		return
	case wild:
		r.fileProblem(check, includeWildcard, "No config files matched '%s'.", pattern)
		return
	}
	regular := names[:0]
	for _, name := range names {
		info, err := r.opt.Stat(name)
		switch {
		case err == nil && info.IsDir():
			r.fileProblem(check, includeReadable, "Configuration file '%s' is a directory - skipping", name)
		case err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 != 0:
			r.fileProblem(check, includeReadable, "Configuration file '%s' is not a regular non-executable file - skipping", name)
		default:
			regular = append(regular, name)
		}
	}
	if len(regular) > 0 {
		r.push(&openFiles{names: regular, check: check, saved: r.check, back: r.pos})
	}
}

// setIncludeCheck is the global keyword include_check: its words set, add (+) or remove (-) what every include is held
// to; without words everything is demanded.
func (r *lineReader) setIncludeCheck(words []string) {
	if len(words) == 0 {
		r.check = includeAll
		return
	}
	for i, word := range words {
		sign := byte(0)
		if word != "" && (word[0] == '+' || word[0] == '-') {
			sign, word = word[0], word[1:]
		}
		if sign == 0 {
			if i > 0 {
				r.say(KindGeneral, "Duplicate include_check '%s' specified - ignoring", word)
				continue
			}
			r.check = 0
		}
		var flag includeCheck
		switch word {
		case "readable", "read":
			flag = includeReadable
		case "match":
			flag = includeMatch
		case "wildcard_match":
			flag = includeWildcard
		case "brace_match":
			flag = includeBrace
		default:
			r.say(KindGeneral, "Unknown include_check type '%s' - ignoring", word)
			continue
		}
		switch sign {
		case '+':
			r.check |= flag
		case '-':
			r.check &^= flag
		default:
			r.check = includeReadable | flag
		}
	}
}

// braceExpand is csh's {a,b}: every combination of the alternatives, at most maxNesting*maxNesting of them.
func braceExpand(pattern string) []string {
	out := []string{}
	work := []string{pattern}
	for len(work) > 0 && len(out)+len(work) < maxNesting*maxNesting {
		s := work[len(work)-1]
		work = work[:len(work)-1]
		begin, parts, end, ok := firstBrace(s)
		if !ok {
			out = append(out, s)
			continue
		}
		for i := len(parts) - 1; i >= 0; i-- {
			work = append(work, s[:begin]+parts[i]+s[end+1:])
		}
	}
	return out
}

// firstBrace finds the first balanced {...} and cuts it at its own commas.
func firstBrace(s string) (begin int, parts []string, end int, ok bool) {
	begin = strings.IndexByte(s, '{')
	if begin < 0 || strings.HasPrefix(s[begin:], "{}") {
		return 0, nil, 0, false
	}
	depth, from := 0, begin+1
	for i := begin; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case ',':
			if depth == 1 {
				parts = append(parts, s[from:i])
				from = i + 1
			}
		case '}':
			if depth--; depth == 0 {
				return begin, append(parts, s[from:i]), i, true
			}
		}
	}
	return 0, nil, 0, false
}
