package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Thread is who a thread of a process is and what it may do, see proc(5).
type Thread struct {
	ID   int
	UIDs [4]int // real, effective, saved, and of files

	Effective, Permitted, Bounding uint64 // capabilities, as bits
	NoNewPrivs                     bool
}

// Threads returns the threads of a process.
func Threads(pid int) ([]Thread, error) {
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return nil, err
	}
	var list []Thread
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(name, "status"))
		if errors.Is(err, fs.ErrNotExist) || err != nil && strings.Contains(err.Error(), "no such process") {
			continue // it has ended meanwhile
		}
		if err != nil {
			return nil, err
		}
		t := Thread{}
		if t.ID, err = strconv.Atoi(filepath.Base(name)); err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			if err := t.set(key, strings.Fields(value)); err != nil {
				return nil, fmt.Errorf("%s/status: %s: %w", name, strings.TrimSpace(line), err)
			}
		}
		list = append(list, t)
	}
	return list, nil
}

func (t *Thread) set(key string, values []string) (err error) {
	switch key {
	case "Uid":
		for i, v := range values {
			if t.UIDs[i], err = strconv.Atoi(v); err != nil {
				return err
			}
		}
	case "CapEff":
		t.Effective, err = strconv.ParseUint(values[0], 16, 64)
	case "CapPrm":
		t.Permitted, err = strconv.ParseUint(values[0], 16, 64)
	case "CapBnd":
		t.Bounding, err = strconv.ParseUint(values[0], 16, 64)
	case "NoNewPrivs":
		t.NoNewPrivs = values[0] == "1"
	}
	return err
}
