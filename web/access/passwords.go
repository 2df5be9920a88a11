package access

import (
	"bytes"
	"os"
	"sync"

	"tandem/web/openfile"
)

// passwordFiles are the password files in use, read again when they change.
// The zero value is ready.
type passwordFiles struct {
	mu    sync.Mutex
	files map[string]*passwordFile
}

type passwordFile struct {
	info  openfile.Info
	users map[string]string // hash by user
}

// maxPasswordFiles bounds what names made of variables can fill.
const maxPasswordFiles = 256

// read returns the users of a file, whose name ends with a NUL byte.
func (p *passwordFiles) read(name []byte) (map[string]string, openfile.Failure) {
	var info openfile.Info
	if f := (openfile.Links{}).Stat(name, &info); !f.OK() {
		f.Call = "open()"
		return nil, f
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if file := p.files[string(name)]; file != nil && file.info == info {
		return file.users, openfile.Failure{}
	}
	data, err := os.ReadFile(string(name[:len(name)-1]))
	if err != nil {
		delete(p.files, string(name))
		return nil, openfile.Failure{Call: "open()", Errno: openfile.ErrnoOf(err)}
	}
	if p.files == nil || len(p.files) >= maxPasswordFiles {
		p.files = make(map[string]*passwordFile)
	}
	file := &passwordFile{info, parsePasswords(data)}
	p.files[string(name)] = file
	return file.users, openfile.Failure{}
}

// parsePasswords reads lines of USER:HASH, perhaps with ":COMMENT". The first
// line of a user counts; lines that begin with "#" do not.
func parsePasswords(data []byte) map[string]string {
	users := make(map[string]string)
	for line := range bytes.Lines(data) {
		if line[0] == '#' || line[0] == '\r' {
			continue
		}
		user, rest, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(":"))
		if !ok {
			continue
		}
		if end := bytes.IndexAny(rest, "\r:"); end >= 0 {
			rest = rest[:end]
		}
		if _, had := users[string(user)]; !had {
			users[string(user)] = string(rest)
		}
	}
	return users
}
