package web

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"tandem/nginxconf"
)

// Folders for temporary files: bodies of clients, answers of back ends. A name
// that the configuration writes is relative to the prefix; the defaults, such as
// "client_body_temp", are relative to HTTP.TempRoot.

// AddTempFolder notes a default folder that a module may write to, for use by
// Module.Init.
func (h *HTTP) AddTempFolder(name string) { h.tempDefaults = append(h.tempDefaults, name) }

// TempFolders returns the folders that requests may write temporary files to:
// those that the configuration names, and the modules' defaults.
func (h *HTTP) TempFolders() (named, defaults []string) {
	for _, name := range append([]string{defaultBodyFolder}, h.tempDefaults...) {
		defaults = append(defaults, h.tempFolder(name))
	}
	return h.tempNamed, defaults
}

const defaultBodyFolder = "client_body_temp"

func (h *HTTP) tempFolder(name string) string {
	switch {
	case len(name) > 0 && name[0] == '/':
		return name
	case h.TempRoot != nil:
		return h.TempRoot(name)
	}
	return h.Prefix + name
}

// CreateTemp makes a temporary file in a folder of the configuration, making
// the folder if it is not there.
func (r *Request) CreateTemp(folder string) (*os.File, error) {
	dir := r.HTTP().tempFolder(folder)
	f, err := os.CreateTemp(dir, "tandem-")
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("mkdir() \"%s\" failed: %w", dir, err)
		}
		f, err = os.CreateTemp(dir, "tandem-")
	}
	if err != nil {
		return nil, fmt.Errorf("open() in \"%s\" failed: %w", dir, err)
	}
	return f, nil
}

// SetTempPath is the setter of directives that name a folder for temporary
// files, with up to three levels of folders below it that tandem does not
// need.
func SetTempPath(get func(*nginxconf.Scope) *nginxconf.Value[string]) func(*nginxconf.Scope, *nginxconf.Directive) error {
	return func(s *nginxconf.Scope, d *nginxconf.Directive) error {
		v := get(s)
		if v.Set {
			return nginxconf.ErrDuplicate
		}
		for _, level := range d.Args[1:] {
			if n, err := nginxconf.ParseNumber(level); err != nil || n < 1 || n > 3 {
				return nginxconf.ErrInvalidValue
			}
		}
		h := BlockOf(s).HTTP
		*v = nginxconf.Value[string]{V: s.Path(d.Args[0], false), Set: true}
		h.tempNamed = append(h.tempNamed, v.V)
		return nil
	}
}
