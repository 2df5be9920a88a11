package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tandem/internal/version"
	"tandem/keepalivedconf"
	"tandem/node/configuration"
	"tandem/node/reference"
	"tandem/web"
)

// Reference returns the pages and files that are made from the tables that the
// program reads with, by their names in the repository; compat is docs/compat.md.
func Reference(modules configuration.Modules, compat string) map[string]string {
	ofNginx, ofKeepalived := reference.ReadDifferences(compat)
	words := keepalivedconf.Keywords()
	return map[string]string{
		"docs/reference/README.md":           referenceIndex,
		"packaging/default/nginx/mime.types": web.MimeTypes,
		"docs/reference/nginx.md":            reference.Directives(configuration.Catalogue(modules), ofNginx),
		"docs/reference/keepalived.md":       reference.Keywords(words, ofKeepalived),
		"docs/reference/tandem.md":           reference.OwnKeywords(words),
		"docs/reference/command-line.md":     commandLinePage(),
		"packaging/man/tandem.8":             manual(),
		"packaging/man/tandem.conf.5":        manualOfKeywords(words),
		"packaging/completion/tandem.bash":   bashCompletion(),
		"packaging/completion/_tandem":       zshCompletion(),
		"packaging/completion/tandem.fish":   fishCompletion(),
	}
}

// WriteReference writes them below a folder.
func WriteReference(root string, files map[string]string) error {
	for name, text := range files {
		full := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const referenceIndex = `# Reference

Made from the tables that the program reads configurations and command lines with.

- [Directives of nginx.conf](nginx.md): contexts, arguments, defaults, what differs, and which of nginx's are missing
- [Keywords of keepalived.conf](keepalived.md)
- [tandem's own keywords](tandem.md), ` + "`@tandem ...`" + ` in keepalived.conf
- [The command lines](command-line.md), tandem's and nginx's, and keepalived's

` + "`go test . -run TestReference -update`" + ` writes these pages, the manual pages and the completions of shells anew.
`

func commandLinePage() string {
	var b strings.Builder
	b.WriteString("# The command lines\n\n## tandem, nginx\n\nnginx's options, and what tandem adds.\n\n```\n" + strings.TrimSpace(usage()) + "\n```\n\n" +
		"Exit codes: 0, and 1 for what failed. `-t` exits with 1 if nginx.conf is wrong, and with keepalived's codes if keepalived.conf is: 2 for a missing\n" +
		"parameter, 4 if it cannot be run, 5 if it can be run without what is reported. `tandem status` has codes of its own, see below.\n\n```\n" + strings.TrimSpace(statusUsage) + "\n```\n\n" +
		"## keepalived\n\nStarted through a link called keepalived.\n\n```\n" + strings.TrimSpace("Usage: keepalived [OPTION...]\n"+keepalivedLine.usage()) + "\n```\n\n" +
		"Exit codes of `-t`: 0 if all is well, 4 if the configuration cannot be run, 5 if there are errors that it can be run without, 6 if scripts are run without\n" +
		"`enable_script_security`. Without `-t`: 6 if there is no configuration file.\n\n" +
		"Signals: HUP reloads, TERM and INT stop. USR1, USR2 and those of `--signum=JSON` and `--signum=STATS_CLEAR` write /tmp/keepalived.data, /tmp/keepalived.stats and\n" +
		"/tmp/keepalived.json; they do so whatever name the program was started by.\n")
	return b.String()
}

// roff makes text safe for a manual page.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// manualOptions is the options as a list of a manual page.
func manualOptions(b *strings.Builder, line *commandLine) {
	for i := range line.options {
		o := &line.options[i]
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(o.names()), roff(strings.ReplaceAll(o.help, "\n", " ")))
	}
}

func manual() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".\\\" Made from the table of options; see docs/reference.\n.TH TANDEM 8 \"\" \"tandem %s\" \"System administration\"\n", version.Tandem)
	b.WriteString(".SH NAME\ntandem \\- nginx and keepalived in one process\n.SH SYNOPSIS\n")
	b.WriteString(".B tandem\n[\\fIoptions\\fR]\n.br\n.B tandem\n\\fIcommand\\fR [\\fIoptions\\fR]\n.br\n.B keepalived\n[\\fIoptions of keepalived\\fR]\n")
	b.WriteString(".SH DESCRIPTION\ntandem serves HTTP from nginx.conf and holds the virtual addresses of keepalived.conf, in one process.\n" +
		"A node holds a virtual address only while its own HTTP answers.\n.PP\nWithout options it reads " + roff(configuration.DefaultNginx) + ", and " +
		roff(configuration.DefaultKeepalived) + " if that exists, and stays in the foreground unless nginx.conf says \\fBdaemon on\\fR.\n")
	b.WriteString(".SH OPTIONS\n")
	manualOptions(&b, &nginxLine)
	b.WriteString(".SH COMMANDS\n")
	for _, c := range subcommands() {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace(c.name+" "+c.args)), roff(strings.ReplaceAll(c.help, "\n", " ")))
	}
	b.WriteString(".SH AS KEEPALIVED\nStarted through a link called keepalived, the program takes the command line of keepalived(8), reads no nginx.conf, and runs VRRP alone.\n")
	manualOptions(&b, &keepalivedLine)
	b.WriteString(".SH SIGNALS\n")
	for _, s := range []struct{ name, what string }{
		{"HUP", "read both files again"}, {"TERM, INT", "hand the addresses over and end at once"}, {"QUIT", "hand the addresses over and end when the last request is answered"},
		{"USR1", "open the log files again, and write /tmp/keepalived.data"}, {"USR2", "write /tmp/keepalived.stats"},
		{"36", "write /tmp/keepalived.json (keepalived \\-\\-signum=JSON)"}, {"63", "write /tmp/keepalived.stats and count from 0 again (STATS_CLEAR)"},
	} {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", s.name, s.what)
	}
	b.WriteString(".SH FILES\n.TP\n.B " + roff(configuration.DefaultNginx) + "\n.TP\n.B " + roff(configuration.DefaultKeepalived) +
		"\n.TP\n.B /run/nginx.pid, /run/keepalived.pid, /run/vrrp.pid\nthe process, under each name that others look for\n")
	b.WriteString(".SH SEE ALSO\n.BR tandem.conf (5)\n")
	return b.String()
}

func manualOfKeywords(words []keepalivedconf.Keyword) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".\\\" Made from the table of keywords; see docs/reference.\n.TH TANDEM.CONF 5 \"\" \"tandem %s\" \"File formats\"\n", version.Tandem)
	b.WriteString(".SH NAME\ntandem.conf \\- tandem's own keywords in keepalived.conf\n.SH DESCRIPTION\n" +
		"There is no file of that name: tandem reads nginx.conf and keepalived.conf. What these have no words for is written in keepalived.conf,\n" +
		"in lines that begin with \\fB@tandem\\fR. keepalived skips them. In global_defs a keyword is the default of all instances; in vrrp_instance it is that instance's.\n.SH KEYWORDS\n")
	own, in := reference.Own(words)
	for _, k := range own {
		syntax, rest, _ := strings.Cut(k.Help, ": ")
		prefix := "@tandem "
		if len(k.Block) > 1 && k.Block[len(k.Block)-1] == "self_probe" {
			prefix = ""
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n%s In: %s.\n", roff(prefix+syntax), roff(rest), roff(strings.Join(in[k.Name], ", ")))
	}
	b.WriteString(".SH EXAMPLE\n.nf\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n" +
		"@tandem self_probe_url /health\n@tandem self_probe_status 200\n}\n.fi\n.SH SEE ALSO\n.BR tandem (8)\n")
	return b.String()
}
