package text

import (
	"sort"
	"strings"
)

// Reports is everything found in one configuration.
type Reports []Report

// String is one report per line.
func (rs Reports) String() string {
	var b strings.Builder
	for _, r := range rs {
		b.WriteString(r.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// Of returns the reports of one kind.
func (rs Reports) Of(kind Kind) Reports {
	var of Reports
	for _, r := range rs {
		if r.Kind == kind {
			of = append(of, r)
		}
	}
	return of
}

// Stops reports whether keepalived would refuse to run this configuration.
func (rs Reports) Stops() bool {
	for _, r := range rs {
		if r.Stops {
			return true
		}
	}
	return false
}

// Exit codes of keepalived's --config-test. keepalived(8) gives 3, 4 and 5 for the last three; the program itself has
// returned 4, 5 and 6 since it kept 4 for compatibility, and that is what scripts around it see.
const (
	ExitOK       = 0 // nothing to report
	ExitCannot   = 4 // the configuration cannot be run
	ExitErrors   = 5 // there are errors, and the configuration runs without what they are about
	ExitSecurity = 6 // scripts are run and enable_script_security is missing
	exitMissing  = 2 // a parameter is missing: keepalived gives up at once
)

// ExitCode is the exit code of keepalived's --config-test for these reports. As there, the highest kind decides, so
// that an error beside a fatal one hides it: ask Stops whether the configuration can be run.
func (rs Reports) ExitCode() int {
	var highest Kind
	for _, r := range rs {
		if r.Kind == KindMissingParameter {
			return exitMissing
		}
		highest = max(highest, r.Kind)
	}
	switch {
	case highest == KindSecurity:
		return ExitSecurity
	case highest > KindFatal:
		return ExitErrors
	case highest > KindUnsupported:
		return ExitCannot
	}
	return ExitOK
}

// SortByPlace orders reports as a reader meets their lines: files in the order they were opened, then lines; reports of
// one line stay in the order they were made, and those without a place go last.
func (rs Reports) SortByPlace(files []File) {
	order := make(map[string]int, len(files))
	for i, f := range files {
		if _, seen := order[f.Name]; !seen {
			order[f.Name] = i
		}
	}
	rank := func(p Pos) (int, int) {
		if p.Line == 0 {
			return len(files), 0
		}
		return order[p.File], p.Line
	}
	sort.SliceStable(rs, func(i, j int) bool {
		fi, li := rank(rs[i].Pos)
		fj, lj := rank(rs[j].Pos)
		if fi != fj {
			return fi < fj
		}
		return li < lj
	})
}
