package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func processors() int { return runtime.NumCPU() }

// stolen is how long the processors of a virtual machine have stood still
// because its host ran others: no program on it can help that.
func stolen() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	const steal = 8 // "cpu", user, nice, system, idle, iowait, irq, softirq, steal
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) <= steal {
		return 0
	}
	ticks, _ := strconv.ParseInt(fields[steal], 10, 64)
	return time.Duration(ticks) * (time.Second / 100)
}
