package nginxconf

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var (
	randomSeed   = flag.Uint64("random.seed", 1, "seed of the random texts")
	randomRounds = flag.Int("random.rounds", 300, "number of random texts")
)

// Random texts of the bytes that mean something to the lexer, read by nginx
// and here: the first complaint must be the same, byte for byte, and name the
// same line. The directive "daemon" shows how its word was read:
// invalid value "WORD" in "daemon" directive.
func TestRandomTextsAsNginx(t *testing.T) {
	nginx := newPeer(t)
	rnd := rand.New(rand.NewPCG(*randomSeed, 0))
	pieces := []string{"a", "b", "daemon ", "daemon on;", "\\", "\"", "'", "$", "{", "}", ";", "#", " ", "\n", "\r", "\t", ")", "\\n", "\\\"", "${x}",
		"\xff", "\xe4\xb8", "\n", " ", "include", "include x.conf;", "\"q\" ", "'q';"}
	random := func(longest int) string {
		var b strings.Builder
		for range rnd.IntN(longest) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		return b.String()
	}
	table := NewTable([]Command{testFlag("daemon", Main)})
	for i := range *randomRounds {
		text := random(12)
		switch rnd.IntN(3) {
		case 0:
			text = "daemon " + text + ";"
		case 1:
			text = "daemon \"" + text + "\";"
		}
		conf := nginx.write(t, "nginx.conf", text)
		// nginx crashes where a file includes itself.
		nginx.write(t, "x.conf", strings.ReplaceAll(random(5), "include", "incline"))
		globals := ""
		if rnd.IntN(4) == 0 {
			globals = strings.ReplaceAll(random(8), "\x00", "")
		}
		theirs := nginx.complaint(t, conf, globals)

		tree, errs := Read("nginx.conf", Options{Prefix: nginx.dir, Globals: globals})
		errs = append(errs, table.Bind(tree, newLevel(), BindOptions{})...)
		tree.Sort(errs)
		if ours := firstOf(errs); !sameComplaint(ours, theirs) {
			t.Errorf("round %d: %q with -g %q\nnginx:  %q\ntandem: %q", i, text, globals, theirs, ours)
		}
	}
}

// Random blocks and directives of the tests' table, with random mistakes
// between them: order of the checks, blocks in the wrong place and unclosed.
func TestRandomBlocksAsNginx(t *testing.T) {
	nginx := newPeer(t)
	rnd := rand.New(rand.NewPCG(*randomSeed, 1))
	pieces := []string{"events {\n", "http {\n", "http {\n", "server {\n", "server {\n", "location ~ a {\n", "if ($host) {\n", "limit_except GET {\n",
		"upstream u {\nserver 127.0.0.1;\n", "}\n", "}\n", "}\n", "}\n", "daemon on;\n", "multi_accept on;\n", "etag on;\n", "etag on;\n", "sendfile off;\n",
		"allow all;\n", "internal;\n", "return 204;\n", "include x.conf;\n", "sendfile", "{", ";", "1k ", "gzip_comp_level 5;\n",
		"client_body_buffer_size 1k;\n", "try_files a b;\n", "worker_connections 512;\n"}
	for i := range *randomRounds {
		var b strings.Builder
		if rnd.IntN(3) > 0 {
			b.WriteString("events {}\nhttp {\n")
			if rnd.IntN(2) > 0 {
				b.WriteString("server {\n")
			}
		}
		for n := range rnd.IntN(15) {
			piece := pieces[rnd.IntN(len(pieces))]
			b.WriteString(strings.Replace(piece, "upstream u", fmt.Sprint("upstream u", n), 1))
		}
		// Always one mistake at the end, so that nginx opens no files.
		text := b.String() + "}};"
		conf := nginx.write(t, "nginx.conf", text)
		nginx.write(t, "x.conf", strings.ReplaceAll(pieces[rnd.IntN(len(pieces))], "include", "incline"))
		theirs := nginx.complaint(t, conf, "")
		if ours := firstOf(readAndBind(t, "nginx.conf", Options{Prefix: nginx.dir})); !sameComplaint(ours, theirs) {
			t.Errorf("round %d: %s\nnginx:  %q\ntandem: %q", i, text, theirs, ours)
		}
	}
}

// Words and comments of about the size of nginx's buffer: which are too long
// depends on what follows them.
func TestLongWordsAsNginx(t *testing.T) {
	nginx := newPeer(t)
	table := NewTable([]Command{testFlag("daemon", Main)})
	for _, format := range []string{
		"x @;", "x @ ;", "x @", "x @ ", "x @{", "@ y;", "\n @;", "@", "@;",
		`x "@";`, `x "@" ;`, `x "@"`, "x '@'\n\n;", `x "@`, `x "@")`, `x "@"y`, `"@" y;`,
		"#@\nx;", "#@", "x #@\n;", "x;@",
	} {
		for n := wordMax - 4; n <= wordMax+2; n++ {
			text := strings.Replace(format, "@", strings.Repeat("w", n), 1)
			conf := nginx.write(t, "nginx.conf", text)
			theirs := nginx.complaint(t, conf, "")
			tree, errs := Read("nginx.conf", Options{Prefix: nginx.dir})
			errs = append(errs, table.Bind(tree, newLevel(), BindOptions{})...)
			tree.Sort(errs)
			ours := firstOf(errs)
			// nginx cuts its messages after about 1,024 bytes.
			same := sameComplaint
			if len(theirs) > 1000 {
				theirs = theirs[:1000]
				same = strings.HasPrefix
			}
			if !same(ours, theirs) {
				t.Errorf("%q with %d bytes\nnginx:  %q\ntandem: %q", format, n, theirs, ours)
			}
		}
	}
}

// firstOf returns the first message as nginx would print it, without what
// tandem adds.
func firstOf(errs Errors) string {
	if len(errs) == 0 {
		return ""
	}
	e := *errs[0]
	e.Pos.Included, e.Also = nil, nil
	return e.Error()
}

// sameComplaint compares a message with nginx's. Where nginx says "unknown
// directive", tandem may go on to say what it thinks of the name.
func sameComplaint(ours, theirs string) bool {
	if strings.HasPrefix(theirs, "unknown directive ") {
		in := strings.LastIndex(theirs, " in ")
		return strings.HasPrefix(ours, theirs[:in]) && strings.HasSuffix(ours, theirs[in:])
	}
	return ours == theirs
}
