// Package datafiles makes the files that keepalived writes when it is asked for
// them by a signal, and that monitoring reads: keepalived.data, keepalived.stats
// and keepalived.json. Names, order and indentation are keepalived's: what reads
// them goes by these.
package datafiles

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tandem/health"
	"tandem/keepalivedconf"
	"tandem/vrrp"
)

// Snapshot is what the files tell of.
type Snapshot struct {
	Config *keepalivedconf.Config
	Status vrrp.Status
	// Scripts are the verdicts on the vrrp_scripts that are tracked, by name.
	Scripts map[string]health.Verdict
}

// instances calls f with each instance of the configuration that runs.
func (s *Snapshot) instances(f func(c *keepalivedconf.Instance, st *vrrp.InstanceStatus)) {
	for i := range s.Status.Instances {
		st := &s.Status.Instances[i]
		if c := s.Config.Instance(st.Name); c != nil {
			f(c, st)
		}
	}
}

// Write puts a file into dir in one step: who reads it sees the old one or the
// new one, and a link that somebody has laid there is not followed. Only the
// process's own user may read it: it tells of the network.
func Write(dir, name string, write func(io.Writer)) error {
	f, err := os.CreateTemp(dir, name)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // if it is still called that
	out := &firstError{w: f}
	write(out)
	if err := f.Close(); out.err == nil {
		out.err = err
	}
	if out.err != nil {
		return fmt.Errorf("writing %s: %w", name, out.err)
	}
	return os.Rename(f.Name(), filepath.Join(dir, name))
}

// firstError remembers what went wrong first.
type firstError struct {
	w   io.Writer
	err error
}

func (f *firstError) Write(b []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.w.Write(b)
	f.err = err
	return n, err
}
