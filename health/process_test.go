package health

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// procs is a folder like /proc.
type procs struct {
	t   *testing.T
	dir string
}

func (p procs) start(pid, stat string, arguments string) {
	p.t.Helper()
	// In place at once, as in the kernel.
	dir := filepath.Join(p.t.TempDir(), pid)
	if err := os.Mkdir(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	for name, text := range map[string]string{"stat": pid + " " + stat + " 1 1 1", "cmdline": arguments} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := os.Rename(dir, filepath.Join(p.dir, pid)); err != nil {
		p.t.Fatal(err)
	}
}

func (p procs) end(pid string) {
	if err := os.RemoveAll(filepath.Join(p.dir, pid)); err != nil {
		p.t.Fatal(err)
	}
}

func TestProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := procs{t, t.TempDir()}
		p.start("1", "(init) S", "/sbin/init\x00")
		p.start("5", "(we (b) x) Z", "") // a zombie
		verdicts := make(chan Verdict, 10)
		look := &Processes{
			Match: func(c string, _ []string) bool { return c == "we (b) x" }, Quorum: 1, QuorumMax: 2, Report: func(v Verdict) { verdicts <- v },
			LossDelay: 3 * memberInterval, root: p.dir,
		}
		go look.Run(t.Context())
		expect := func(after time.Duration, good bool, reason string) {
			t.Helper()
			begun := time.Now()
			v := <-verdicts
			if took := time.Since(begun); v.Good != good || v.Reason != reason || took != after {
				t.Fatalf("%+v after %v, want %v, %s after %v", v, took, good, reason, after)
			}
		}
		expect(0, false, "0 running, 1 to 2 wanted")
		p.start("6", "(we (b) x) S", "we\x00")
		expect(processInterval, true, "1 running, 1 to 2 wanted")
		p.end("6") // which is seen at the next look
		expect(memberInterval+look.LossDelay, false, "0 running, 1 to 2 wanted")
		p.start("7", "(we (b) x) S", "we\x00")
		expect(processInterval-look.LossDelay, true, "1 running, 1 to 2 wanted")
		p.start("8", "(we (b) x) R", "we\x00")
		p.start("9", "(we (b) x) D", "we\x00")
		expect(processInterval+look.LossDelay, false, "3 running, 1 to 2 wanted")
		p.end("8")
		expect(memberInterval, true, "2 running, 1 to 2 wanted")
	})
}

// The real /proc has this process, by its arguments.
func TestProcessesOfMachine(t *testing.T) {
	verdicts := make(chan Verdict, 10)
	look := &Processes{
		Match: func(_ string, arguments []string) bool { return slices.Equal(arguments, os.Args) }, FullCommand: true, Quorum: 1, QuorumMax: -1,
		Report: func(v Verdict) { verdicts <- v },
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	look.Run(ctx)
	if v := <-verdicts; !v.Good {
		t.Errorf("%+v", v)
	}
}
