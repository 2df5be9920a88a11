// Command lateness measures how late adverts leave while the machine has other
// things to do: those of tandem, and beside it in the same run those of
// keepalived. The kernel notes when they leave.
//
//	go run ./bench/lateness                     idle, busy and flood, one after the other
//	go run ./bench/lateness -load busy          two busy processes per processor
//	go run ./bench/lateness -load flood         as many HTTP requests as tandem answers
//	go run ./bench/lateness -nice=false         without the right to be scheduled before others
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"tandem/internal/scenario"
)

// options are the command line.
type options struct {
	loads    string
	interval time.Duration
	adverts  int
	nice     bool
	binary   string
	late     bool
}

func main() {
	var o options
	flag.StringVar(&o.loads, "load", "idle,busy,flood", "what else the machine does, separated by commas")
	flag.DurationVar(&o.interval, "interval", 10*time.Millisecond, "advert_int")
	flag.IntVar(&o.adverts, "adverts", 5000, "how many adverts are timed")
	flag.BoolVar(&o.nice, "nice", true, "leave both programs the right to set their scheduling (CAP_SYS_NICE)")
	flag.StringVar(&o.binary, "tandem", "", "the binary to measure (default: built from this tree)")
	flag.BoolVar(&o.late, "v", false, "tell when the latest adverts were")
	flag.Parse()
	code, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lateness:", err)
		code = 1
	}
	os.Exit(code)
}

// run builds the program, and has the rest done in the lab.
func run(o options) (code int, err error) {
	code, done, err := scenario.Enter(o.binary)
	if done || err != nil {
		return code, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	for name := range strings.SplitSeq(o.loads, ",") {
		if err := measure(ctx, o, name); err != nil {
			return 1, fmt.Errorf("%s: %w", name, err)
		}
	}
	return 0, nil
}
