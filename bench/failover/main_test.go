package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/scenario"
)

func TestMain(m *testing.M) {
	if scenario.Binary() != "" {
		lab.Main()
		os.Exit(m.Run())
	}
	code, done, err := scenario.Enter("")
	switch {
	case scenario.Binary() == "":
		fmt.Fprintln(os.Stderr, err)
	case !done:
		code = m.Run() // every test skips, and says why
	}
	os.Exit(code)
}

// testSlack is what a machine that tests other packages meanwhile may add to the
// limits on times. None is added to those on requests.
const testSlack = 250 * time.Millisecond

// tries is how often a row is played whose limits are not met while the machine
// lets nobody run: that says nothing of the pair.
const tries = 3

// TestMatrix plays the rows that tell most, between two nodes with tandem.
func TestMatrix(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes its time")
	}
	lab.New(t) // or skips, with the reason
	rows := []string{"stop-kept", "demote", "return-kept", "kill", "backend", "stop-h2"}
	if _, err := exec.LookPath("nft"); err == nil {
		rows = append(rows, "accept")
	}
	for try := 1; len(rows) > 0; try++ {
		if try > tries {
			t.Skipf("the machine stalled each time that these were played: %v", rows)
		}
		rows = played(t, rows)
	}
}

// played plays rows, and returns those that must be played again, because their
// limits were not met while the machine stalled.
func played(t *testing.T, rows []string) (again []string) {
	t.Helper()
	table, err := openTable("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	o := options{rows: strings.Join(rows, ","), count: 1, verbose: true, slack: testSlack}
	if err := contests()[0].run(ctx, o, table); err != nil {
		t.Fatal(err)
	}
	if len(table.Cells) != len(rows) {
		t.Errorf("%d of %d rows were played", len(table.Cells), len(rows))
	}
	for key, cells := range table.Cells {
		switch c := cells[tandemPair]; {
		case len(c.NotMet) > 0 && c.stall > 0:
			again = append(again, key)
		case len(c.NotMet) > 0:
			t.Errorf("%s: %s", key, strings.Join(c.NotMet, "; "))
		}
	}
	return again
}

func TestTableText(t *testing.T) {
	table, _ := openTable("")
	c := contests()[0]
	r := rows()[0]
	table.add(r, c, seen{})
	table.add(r, c, seen{verdicts: []string{"too slow"}})
	table.add(r, c, seen{})
	want := "| what happens to the master | tandem pair | tandem with a keepalived peer | nginx + keepalived |\n|---|---|---|---|\n" +
		"| planned stop | 0s, 0/0 failed **(not met: too slow)** | - | - |\n"
	if got := table.text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
