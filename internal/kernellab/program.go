package kernellab

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// libraryFolders are where Debian keeps shared libraries.
var libraryFolders = []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// program adds a program of this machine under the names that are given, with the
// libraries that it needs. One that is not installed is left out.
func (m *image) program(name string, as ...string) error {
	found, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, one := range as {
		if err := m.file(one, found); err != nil {
			return err
		}
	}
	return m.libraries(found)
}

// libraries adds what a program or library is linked with.
func (m *image) libraries(of string) error {
	f, err := elf.Open(of)
	if err != nil {
		return nil // a script
	}
	defer f.Close()
	if p := f.Section(".interp"); p != nil {
		data, err := p.Data()
		if err != nil {
			return err
		}
		loader := string(data[:max(len(data)-1, 0)])
		if err := m.file(loader, loader); err != nil {
			return err
		}
	}
	needed, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, name := range needed {
		if err := m.library(name); err != nil {
			return fmt.Errorf("%s: %w", of, err)
		}
	}
	return nil
}

func (m *image) library(name string) error {
	for _, dir := range libraryFolders {
		from := filepath.Join(dir, name)
		if _, err := os.Stat(from); err != nil {
			continue
		}
		to := "/lib/x86_64-linux-gnu/" + name
		if _, is := m.entries[to]; is {
			return nil
		}
		if err := m.file(to, from); err != nil {
			return err
		}
		return m.libraries(from)
	}
	return fmt.Errorf("library %s is not installed", name)
}
