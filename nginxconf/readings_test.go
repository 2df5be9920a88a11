package nginxconf

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// render writes directives one per line: LINE NAME ARGS, words in Go's quotes
// where they were quoted or hold anything unusual (” marks those that were
// not quoted), blocks indented with the line of their "}".
func render(ds []*Directive) string {
	var b strings.Builder
	var walk func(ds []*Directive, indent string)
	walk = func(ds []*Directive, indent string) {
		for _, d := range ds {
			fmt.Fprintf(&b, "%s%d %s", indent, d.Pos.Line, plain(d.Name))
			for i, arg := range d.Args {
				if d.Quoted[i] {
					fmt.Fprintf(&b, " %q", arg)
				} else {
					b.WriteString(" " + plain(arg))
				}
			}
			if d.IsBlock {
				b.WriteString(" {\n")
				walk(d.Block, indent+"  ")
				fmt.Fprintf(&b, "%s%d }", indent, d.ClosePos.Line)
			}
			b.WriteString("\n")
		}
	}
	walk(ds, "")
	return b.String()
}

func plain(word string) string {
	if q := fmt.Sprintf("%q", word); q != `"`+word+`"` || strings.ContainsAny(word, " ") || word == "" {
		return "'" + q + "'"
	}
	return word
}

// memory is a ReadFile of files that are not on disk.
func memory(files map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		text, ok := files[name]
		if !ok {
			return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
		}
		return []byte(text), nil
	}
}

func readText(text string) (*Tree, Errors) {
	return Read("/nginx.conf", Options{ReadFile: memory(map[string]string{"/nginx.conf": text})})
}

func TestReadings(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", ""},
		{"only comments", "# a { b;\n  # c \"\n#", ""},
		{"simple", "a;\nb c d;", "1 a\n2 b c d\n"},
		{"block", "a b {\n c;\n}\nd;", "1 a b {\n  2 c\n3 }\n4 d\n"},
		{"blocks on one line", "a{b{c;}d{}}e;", "1 a {\n  1 b {\n    1 c\n  1 }\n  1 d {\n  1 }\n1 }\n1 e\n"},
		{"the line is that of the terminator", "a\nb\n;\nc\n{\nd\n;\n}", "3 a b\n5 c {\n  7 d\n8 }\n"},
		{"CRLF", "a b;\r\nc {\r\n d;\r\n}\r\n", "1 a b\n2 c {\n  3 d\n4 }\n"},
		{"a carriage return is white space", "a\rb;", "1 a b\n"},
		{"a carriage return within quotes stays", "a \"b\r\nc\";", "2 a \"b\\r\\nc\"\n"},
		{"no final newline", "a b;", "1 a b\n"},
		{"form feed and NUL are not white space", "a\fb\x00c;", "1 '\"a\\fb\\x00c\"'\n"},

		{"quotes", `a "b c" 'd e';`, "1 a \"b c\" \"d e\"\n"},
		{"a quoted name", `"a" b;`, "1 a b\n"},
		{"empty words", `a "" '';`, "1 a \"\" \"\"\n"},
		{"the other quote within quotes", `a "b'c" 'd"e';`, "1 a \"b'c\" \"d\\\"e\"\n"},
		{"quotes within a bare word stay", `a b"c"d' e;`, "1 a '\"b\\\"c\\\"d'\"' e\n"},
		{"special bytes within quotes", `a "b;{}#$ c";`, "1 a \"b;{}#$ c\"\n"},
		{"quoted over several lines", "a \"b\nc\n\" d;\ne;", "3 a \"b\\nc\\n\" d\n4 e\n"},
		{"a block after quotes", `a "b"{c;}`, "1 a \"b\" {\n  1 c\n1 }\n"},
		{"a parenthesis after quotes is a word", `if ($a = "b") {}`, "1 if ($a = \"b\" ) {\n1 }\n"},
		{"more words after that parenthesis", `if ($a = "b")c d {}`, "1 if ($a = \"b\" )c d {\n1 }\n"},

		{"escapes become bytes", `a "b\tc\rd\ne" f\tg;`, "1 a \"b\\tc\\rd\\ne\" '\"f\\tg\"'\n"},
		{"escaped quotes lose the backslash", `a "b\"c\'d" 'e\'f' \"g\";`, "1 a \"b\\\"c'd\" \"e'f\" '\"\\\"g\\\"\"'\n"},
		{"two backslashes become one", `a \\b "c\\";`, "1 a '\"\\\\b\"' \"c\\\\\"\n"},
		{"two backslashes before n are no line break", `a b\\nc;`, "1 a '\"b\\\\nc\"'\n"},
		{"other backslashes stay", `a \.php$ "\d+\.\x" \/;`, "1 a '\"\\\\.php$\"' \"\\\\d+\\\\.\\\\x\" '\"\\\\/\"'\n"},
		{"a backslash keeps what would end the word, and stays", `a b\;c\ d\{e\}f;`, "1 a '\"b\\\\;c\\\\ d\\\\{e\\\\}f\"'\n"},
		{"an escaped line break counts as a line", "a b\\\nc;\nd;", "2 a '\"b\\\\\\nc\"'\n3 d\n"},

		{"a brace after a dollar is part of the word", `a ${b}c d${e} {}`, "1 a ${b}c d${e} {\n1 }\n"},
		{"also several of them", `a ${{{b {}`, "1 a ${{{b {\n1 }\n"},
		{"a dollar elsewhere does not guard a brace", `a $b{c;}`, "1 a $b {\n  1 c\n1 }\n"},
		{"a closing brace does not end a word", `a b}c};`, "1 a b}c}\n"},
		{"regular expressions need quotes for braces", `location ~ "^/\d{2}$" {}`, "1 location ~ \"^/\\\\d{2}$\" {\n1 }\n"},

		{"a hash within a word is no comment", `a b#c; # d`, "1 a b#c\n"},
		{"a hash after white space is", "a b #c;\nd;", "2 a b d\n"},
		{"a hash directly after a semicolon is", "a;#b\nc;", "1 a\n2 c\n"},
		{"comments between words", "a # b\n# c\n d;", "3 a d\n"},

		{"bytes that are not UTF-8", "a \xc8\xe7\xb9\xfb \"\xff\"; # \xcf\xb5\xcd\xb3\nb;", "1 a '\"\\xc8\\xe7\\xb9\\xfb\"' \"\\xff\"\n2 b\n"},
		{"a byte order mark is part of the first word", "\xef\xbb\xbfa;", "1 '\"\\ufeffa\"'\n"},
		{"UTF-8", `a "héllo wörld" 日本;`, "1 a \"héllo wörld\" 日本\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree, errs := readText(test.text)
			if len(errs) > 0 {
				t.Fatalf("%q: %v", test.text, errs)
			}
			if got := render(tree.Main); got != test.want {
				t.Errorf("%q is read as\n%swant\n%s", test.text, got, test.want)
			}
		})
	}
}

func TestLuaBlocks(t *testing.T) {
	for _, test := range []struct{ name, lua string }{
		{"nested tables", `local t = {a = {1, 2}, {}}`},
		{"strings", `local s = "}" .. '}' .. "\"}" .. '\'{'`},
		{"a comment", "-- it's a } \"\nx = 1 - -1"},
		{"a long comment", "--[[ }\n }} ' ]] --[==[ } ]] } ]==] x = {}"},
		{"a long string", "x = [[ } ]] .. [=[ ]] } ]=]; y = t[1]"},
		{"what nginx would refuse", `if a ~= "b" then ngx.say('c;d') end return`},
		{"an open string ends with its line", "x = 'oops\ny = {}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := "a;\nset_by_lua_block $x { " + test.lua + "\n}\nb;"
			tree, errs := readText(text)
			if len(errs) > 0 {
				t.Fatalf("%q: %v", text, errs)
			}
			last := 3 + strings.Count(test.lua, "\n")
			want := fmt.Sprintf("1 a\n2 set_by_lua_block $x {\n%d }\n%d b\n", last, last+1)
			if got := render(tree.Main); got != want {
				t.Errorf("%q is read as\n%swant\n%s", text, got, want)
			}
		})
	}
	_, errs := readText("content_by_lua_block {\n x = { }\n\n")
	if got, want := errs.Error(), `unexpected end of file, expecting "}" in /nginx.conf:4`; got != want {
		t.Errorf("an open block: %q, want %q", got, want)
	}
}
