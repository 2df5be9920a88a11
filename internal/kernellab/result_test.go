package kernellab

import (
	"strings"
	"testing"
)

// result is what a run printed.
type result struct {
	failed bool // its program ended with an error, or not at all
	tests  []testResult
	loose  []string // what belongs to no test
}

// testResult is a test at the top level, with its output.
type testResult struct {
	name    string
	verdict string // PASS, FAIL or SKIP; "" if it did not end
	output  []string
}

// parseRuns reads what the machine printed, by package.
func parseRuns(text string) map[string]*result {
	results := map[string]*result{}
	var now *result
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if name, ok := strings.CutPrefix(line, markBegin); ok {
			now = &result{failed: true}
			results[name] = now
			continue
		}
		if end, ok := strings.CutPrefix(line, markEnd); ok && now != nil {
			now.failed = !strings.HasSuffix(end, " 0")
			now = nil
			continue
		}
		if now != nil {
			now.line(line)
		}
	}
	return results
}

// line takes a line of a test binary with -test.v.
func (r *result) line(line string) {
	if name, ok := strings.CutPrefix(line, "=== RUN   "); ok && !strings.Contains(name, "/") {
		r.tests = append(r.tests, testResult{name: name})
		return
	}
	if verdict, rest, ok := strings.Cut(strings.TrimPrefix(line, "--- "), ": "); ok && strings.HasPrefix(line, "--- ") {
		name, _, _ := strings.Cut(rest, " ")
		for i := range r.tests {
			if r.tests[i].name == name {
				r.tests[i].verdict = verdict
				return
			}
		}
	}
	if n := len(r.tests); n > 0 && (r.tests[n-1].verdict == "" || strings.HasPrefix(line, " ")) {
		r.tests[n-1].output = append(r.tests[n-1].output, line)
	} else {
		r.loose = append(r.loose, line)
	}
}

// show makes each test a subtest.
func (r *result) show(t *testing.T) {
	for _, one := range r.tests {
		t.Run(one.name, func(t *testing.T) {
			if len(one.output) > 0 {
				t.Log("\n" + strings.Join(one.output, "\n"))
			}
			switch one.verdict {
			case "PASS":
			case "SKIP":
				t.SkipNow()
			case "FAIL":
				t.Fail()
			default:
				t.Error("did not end")
			}
		})
	}
	if len(r.tests) == 0 {
		t.Error("no test was run")
	}
	if r.failed && !t.Failed() {
		t.Errorf("the program failed:\n%s", strings.Join(r.loose, "\n"))
	}
}

func TestResultsAreRead(t *testing.T) {
	got := parseRuns("noise\n" + markBegin + "a/b\n=== RUN   TestOne\n=== RUN   TestOne/sub\n    x.go:1: said\n--- FAIL: TestOne (0.10s)\n" +
		"    --- FAIL: TestOne/sub (0.10s)\n=== RUN   TestTwo\n    x.go:2: no module\n--- SKIP: TestTwo (0.00s)\nFAIL\n" + markEnd + "a/b 1\n" +
		markBegin + "c\n=== RUN   TestThree\npanic: oh\n")
	ab, c := got["a/b"], got["c"]
	if len(got) != 2 || ab == nil || c == nil {
		t.Fatalf("%+v", got)
	}
	if !ab.failed || len(ab.tests) != 2 || ab.tests[0].verdict != "FAIL" || ab.tests[1].verdict != "SKIP" ||
		len(ab.tests[0].output) != 3 || len(ab.loose) != 1 {
		t.Errorf("%+v", ab)
	}
	if !c.failed || len(c.tests) != 1 || c.tests[0].verdict != "" || c.tests[0].output[0] != "panic: oh" {
		t.Errorf("%+v", c)
	}
}
