// Command failover measures what clients see when something happens to the
// master of a pair: of two nodes with tandem, of one with tandem and one with
// nginx and keepalived, and of two with nginx and keepalived. The nodes and the
// clients are network namespaces of this machine; the faults come from outside
// of the processes.
//
//	go run ./bench/failover                          everything, a table
//	go run ./bench/failover -row kill,link           some rows
//	go run ./bench/failover -pair tandem             one pair
//	go run ./bench/failover -write docs/failover.md
//	go run ./bench/failover -soak 30m                a random fault every 20 s
//
// What takes too long at a time is measured in parts: with -results FILE each run
// adds to what the runs before it have seen.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"tandem/bench/measured"
	"tandem/internal/scenario"
)

// options are the command line.
type options struct {
	rows, pairs, write string
	results            string
	soak, every        time.Duration
	seed               uint64
	slack              time.Duration // added to the limits on times
	count              int
	verbose            bool
}

func main() {
	var o options
	var binary string
	flag.StringVar(&o.rows, "row", "", "only these rows, separated by commas")
	flag.StringVar(&o.pairs, "pair", "", "only these pairs, separated by commas: tandem, mixed, classic")
	flag.StringVar(&o.write, "write", "", "also put the table into this document")
	flag.StringVar(&o.results, "results", "", "keep what was seen in this file, beside that of earlier runs")
	flag.DurationVar(&o.soak, "soak", 0, "instead of the rows, let random ones happen to either node for that long")
	flag.DurationVar(&o.every, "every", 20*time.Second, "with -soak: from one to the next")
	flag.Uint64Var(&o.seed, "seed", 0, "with -soak: repeat the choices of an earlier one; 0: new ones")
	flag.IntVar(&o.count, "count", 1, "how often each row is played; the table has the worst")
	flag.BoolVar(&o.verbose, "v", false, "tell what the nodes say when a row is not met")
	flag.StringVar(&binary, "tandem", "", "the binary to measure (default: built from this tree)")
	flag.Parse()
	code, err := run(o, binary)
	if err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
		code = 1
	}
	os.Exit(code)
}

// run builds the program, and has the rest done in the lab.
func run(o options, binary string) (code int, err error) {
	code, done, err := scenario.Enter(binary)
	if done || err != nil {
		return code, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if o.soak > 0 {
		return soak(ctx, o)
	}
	t, err := openTable(o.results)
	if err != nil {
		return 1, err
	}
	for _, c := range contests() {
		if !chosen(o.pairs, c.key) {
			continue
		}
		if err := c.possible(); err != nil {
			fmt.Printf("%s: left out: %v\n", c.name, err)
			continue
		}
		if err := c.run(ctx, o, t); err != nil {
			return 1, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	fmt.Printf("\n%s", t.text())
	if o.results != "" {
		if err := t.save(o.results); err != nil {
			return 1, err
		}
	}
	if o.write != "" {
		if err := measured.Write(o.write, t.text()+t.origin()); err != nil {
			return 1, err
		}
	}
	if t.broken() {
		return 1, errors.New("not every row was met")
	}
	return 0, nil
}

// chosen reports whether a list, empty for everything, has the word.
func chosen(list, word string) bool {
	if list == "" {
		return true
	}
	for one := range strings.SplitSeq(list, ",") {
		if one == word {
			return true
		}
	}
	return false
}
