package standin

import (
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
)

// isShell reports whether a program of that name is a shell that understands answers.sh.
func isShell(base string) bool {
	switch base {
	case "sh", "bash", "dash", "ash", "ksh":
		return true
	}
	return false
}

// asks are the programs that answers.sh has a function for, and what else asks by itself.
var asks = map[string]bool{
	"killall": true, "pkill": true, "pidof": true, "pgrep": true, "kill": true, "ps": true, "systemctl": true,
	"service": true, "rc-service": true, "nginx": true, "ss": true, "netstat": true, "sudo": true, "timeout": true, "test": true, "[": true,
}

// shellCommand takes a command whose first word is a shell: with -c, or with the name of a script.
func (c *Check) shellCommand(args []string, readFile func(string) ([]byte, error)) bool {
	c.shell = []string{args[0]}
	for i := 1; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "-o" || word == "-O":
			c.shell = append(c.shell, args[i:min(i+2, len(args))]...)
			i++
		case strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "--") && strings.Contains(word, "c"):
			if rest := strings.ReplaceAll(word, "c", ""); rest != "-" {
				c.shell = append(c.shell, rest)
			}
			if i+1 == len(args) {
				return false
			}
			c.text, c.name = plain(args[i+1]), args[0]
			if i+2 < len(args) {
				c.name, c.params = args[i+2], args[i+3:]
			}
			return true
		case strings.HasPrefix(word, "-"):
			c.shell = append(c.shell, word)
		default:
			text, err := readFile(word)
			if err != nil {
				return false
			}
			c.File, c.name, c.text, c.params = word, word, plain(string(text)), args[i+1:]
			return true
		}
	}
	return false
}

// readFile takes a script that says itself which shell runs it.
func (c *Check) readFile(name string, readFile func(string) ([]byte, error)) bool {
	full, err := exec.LookPath(name)
	if err != nil {
		return false
	}
	if info, err := os.Stat(full); err != nil || !info.Mode().IsRegular() || info.Size() > maxText {
		return false
	}
	text, err := readFile(full)
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(text), "\n")
	line, script := strings.CutPrefix(first, "#!")
	words := strings.Fields(line)
	if script && len(words) > 1 && path.Base(words[0]) == "env" {
		words = words[1:]
	}
	if !script || len(words) == 0 || !isShell(path.Base(words[0])) {
		return false
	}
	c.File, c.name, c.shell, c.text = full, name, words, plain(string(text))
	return true
}

// Where a command begins in a script, as far as one can see that without being a shell.
const begins = "(?m)((?:^|[;&|({`!]|\\b(?:then|else|elif|if|do|while|until|exec|sudo|timeout +[0-9]+s?)\\b)[ \t]*)"

var (
	fullPath   = regexp.MustCompile(begins + `(?:/[\w.+-]+)*/s?bin/(killall|pkill|pidof|pgrep|kill|ps|systemctl|service|rc-service|nginx|ss|netstat|sudo|timeout)([\s;&|)` + "`" + `"']|$)`)
	rcService  = regexp.MustCompile(begins + `rc-service([\s])`)
	initScript = regexp.MustCompile(begins + `/etc/(?:rc\.d/)?init\.d/(nginx|keepalived)\b`)
)

// plain calls programs by their bare names, which functions can have.
func plain(text string) string {
	text = fullPath.ReplaceAllString(text, "${1}${2}${3}")
	text = rcService.ReplaceAllString(text, "${1}service${2}")
	return initScript.ReplaceAllString(text, "${1}service ${2}")
}

// direct is plain for a command that no shell reads.
func direct(args []string) []string {
	if m := initScript.FindStringSubmatch(args[0]); m != nil {
		return append([]string{"service", m[2]}, args[1:]...)
	}
	name := path.Base(args[0])
	if name == "rc-service" {
		name = "service"
	}
	list := append([]string{name}, args[1:]...)
	if name == "sudo" || name == "timeout" {
		for i, word := range list {
			if base := path.Base(word); asks[base] && strings.Contains(word, "bin/") {
				list[i] = base
				break
			}
		}
	}
	return list
}
