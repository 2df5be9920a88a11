// Package procfs finds other processes of the machine in /proc: by name, and by what they listen on.
package procfs

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// Process is a process that was found.
type Process struct {
	PID  int
	Name string // as the kernel has it, at most 15 characters
}

// root is where the kernel shows its processes.
const root = "/proc"

// Named returns the processes of that name that are in our network namespace, without this one.
func Named(name string) []Process {
	var found []Process
	each(func(p Process, dir string) bool {
		if p.Name == name && p.PID != os.Getpid() && sameNetwork(dir) {
			found = append(found, p)
		}
		return true
	})
	return found
}

// each calls f with every process and its folder until f returns false.
func each(f func(p Process, dir string) bool) {
	dir, err := os.Open(root)
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // what could be read
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil {
			continue
		}
		at := filepath.Join(root, n)
		comm, err := os.ReadFile(filepath.Join(at, "comm"))
		if err != nil {
			continue // it has ended meanwhile
		}
		if !f(Process{pid, string(bytes.TrimSuffix(comm, []byte("\n")))}, at) {
			return
		}
	}
}

// sameNetwork reports whether a process is in our network namespace. The link in
// ns tells that only to who has all rights that the process has; every namespace
// has a table of interfaces of its own as well, which everybody may look at.
func sameNetwork(dir string) bool {
	const table = "/net/dev"
	own, err := os.Stat(root + "/self" + table)
	if err != nil {
		return false
	}
	other, err := os.Stat(dir + table)
	return err == nil && os.SameFile(own, other)
}
