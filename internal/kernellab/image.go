package kernellab

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// image is an initial file system on its way to the kernel.
type image struct {
	entries map[string]entry
}

// entry is one of its files: what it holds is in data or in the file from.
type entry struct {
	mode uint32 // as in stat, with the type
	data []byte
	from string
}

// Types of files, as in stat.
const (
	typeFolder  = 0o040000
	typeFile    = 0o100000
	maxFileSize = 1 << 30
)

func newImage() *image { return &image{entries: map[string]entry{}} }

// parents adds the folders above name.
func (m *image) parents(name string) {
	for dir := path.Dir(name); dir != "/" && dir != "."; dir = path.Dir(dir) {
		if _, is := m.entries[dir]; !is {
			m.entries[dir] = entry{mode: typeFolder | 0o755}
		}
	}
}

// text adds a file. Names are absolute.
func (m *image) text(name, content string) {
	m.parents(name)
	m.entries[name] = entry{mode: typeFile | 0o644, data: []byte(content)}
}

// folder adds an empty folder.
func (m *image) folder(name string, mode uint32) {
	m.parents(name)
	m.entries[name] = entry{mode: typeFolder | mode}
}

// file adds a copy of a file, with the rights that it has.
func (m *image) file(name, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileSize {
		return fmt.Errorf("%s is no file for an image", from)
	}
	m.parents(name)
	m.entries[name] = entry{mode: typeFile | uint32(info.Mode().Perm()), from: from}
	return nil
}

// tree adds copies of the files below a folder. One that is not there is empty.
func (m *image) tree(name, from string) error {
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		return m.file(path.Join(name, filepath.ToSlash(rel)), p)
	})
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// write writes the archive that the kernel unpacks: cpio in the "newc" form
// (Documentation/driver-api/early-userspace/buffer-format.rst).
func (m *image) write(w io.Writer) error {
	c := &cpio{w: w}
	for number, name := range slices.Sorted(maps.Keys(m.entries)) {
		e := m.entries[name]
		data := e.data
		if e.from != "" {
			var err error
			if data, err = os.ReadFile(e.from); err != nil {
				return err
			}
		}
		c.file(strings.TrimPrefix(name, "/"), uint32(number+1), e.mode, data)
	}
	c.file("TRAILER!!!", 0, 0, nil)
	return c.err
}

// cpio writes an archive.
type cpio struct {
	w   io.Writer
	at  int
	err error
}

func (c *cpio) bytes(b []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(b)
		c.at += len(b)
	}
}

// pad fills up to a multiple of four.
func (c *cpio) pad() { c.bytes(make([]byte, -c.at&3)) }

func (c *cpio) file(name string, number, mode uint32, data []byte) {
	links := 1
	if mode&typeFolder != 0 {
		links = 2
	}
	// magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor,
	// rdevmajor, rdevminor, namesize, check
	c.bytes(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name)+1, 0))
	c.bytes(append([]byte(name), 0))
	c.pad()
	c.bytes(data)
	c.pad()
}
