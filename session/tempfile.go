package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	nc "tandem/nginxconf"
)

// Folders for temporary files: bodies of clients, answers of back ends. A name
// that the configuration writes is relative to the prefix; the defaults, such as
// "client_body_temp", are relative to Realm.TempRoot.

// AddTempFolder notes a default folder that may be written to.
func (r *Realm) AddTempFolder(name string) { r.tempDefaults = append(r.tempDefaults, name) }

// AddNamedFolder notes a folder that the configuration names, by its full name.
func (r *Realm) AddNamedFolder(name string) { r.tempNamed = append(r.tempNamed, name) }

// TempFolders returns the folders that sessions may write temporary files to:
// those that the configuration names, and the modules' defaults.
func (r *Realm) TempFolders() (named, defaults []string) {
	for _, name := range r.tempDefaults {
		defaults = append(defaults, r.tempFolder(name))
	}
	return r.tempNamed, defaults
}

func (r *Realm) tempFolder(name string) string {
	switch {
	case len(name) > 0 && name[0] == '/':
		return name
	case r.TempRoot != nil:
		return r.TempRoot(name)
	}
	return r.Prefix + name
}

// CreateTemp makes a temporary file in a folder of the configuration, making
// the folder if it is not there.
func (s *Session) CreateTemp(folder string) (*os.File, error) {
	dir := s.Realm().tempFolder(folder)
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
func SetTempPath(get func(*nc.Scope) *nc.Value[string]) func(*nc.Scope, *nc.Directive) error {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := get(s)
		if v.Set {
			return nc.ErrDuplicate
		}
		for _, level := range d.Args[1:] {
			if n, err := nc.ParseNumber(level); err != nil || n < 1 || n > 3 {
				return nc.ErrInvalidValue
			}
		}
		*v = nc.Value[string]{V: s.Path(d.Args[0], false), Set: true}
		BlockOf(s).Realm.AddNamedFolder(v.V)
		return nil
	}
}
