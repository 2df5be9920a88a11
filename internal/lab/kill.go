package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// KillTree kills a process and all that descends from it with SIGKILL.
func KillTree(pid int) error { return SignalTree(pid, syscall.SIGKILL) }

// SignalTree signals a process and all that descends from it, the parents
// first, so that none can replace a child.
func SignalTree(pid int, sig syscall.Signal) error {
	for _, one := range descendants(pid) {
		if err := syscall.Kill(one, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("lab: signal process %d: %w", one, err)
		}
	}
	return nil
}

// descendants are the process itself and its descendants, parents first.
func descendants(pid int) []int {
	children := map[int][]int{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return []int{pid}
	}
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue // not a process
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // ended meanwhile
		}
		// "pid (name) state parent ...": the name may hold anything.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 {
			continue
		}
		if parent, err := strconv.Atoi(string(fields[1])); err == nil {
			children[parent] = append(children[parent], child)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}
