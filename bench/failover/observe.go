package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/internal/lab"
	"tandem/internal/lab/probe"
	"tandem/internal/scenario"
)

// Times of an observation.
const (
	patience = 12 * time.Second // for a change that is expected
	endless  = 8 * time.Second  // how long a change is watched whose end is open
	settle   = time.Second      // after the change, for what comes late
)

// seen is what was seen of a row.
type seen struct {
	probe.Summary
	kept     *probe.KeptSummary
	both     time.Duration
	changes  int           // of the VIP's place
	gap      time.Duration // longest time between two adverts of the master
	forever  bool          // nobody served at the end
	onBoth   bool          // both held the VIP at the end
	nothing  string        // why there is nothing to be seen
	stall    time.Duration // longest time for which the machine did not let this process run
	verdicts []string      // what is not as it must be
}

// play brings the pair to the row's beginning, lets it happen, and looks.
func (s *stand) play(ctx context.Context, r row, l *limit) (v seen, err error) {
	if err := s.normal(ctx); err != nil {
		return v, fmt.Errorf("before: %w", err)
	}
	if r.before != nil {
		if err := r.before(ctx, s); err != nil {
			return v, fmt.Errorf("before: %w", err)
		}
	}
	return s.observe(ctx, r, l)
}

// observe lets the row happen, and looks.
func (s *stand) observe(ctx context.Context, r row, l *limit) (v seen, err error) {
	var kept *probe.KeptClient
	if r.kept {
		kept = s.kept()
		defer kept.Stop()
		// They are at work when the first have asked more than once.
		if _, err := s.Probe.Wait(ctx, time.Now().Add(300*ms), probe.Result.OK); err != nil {
			return v, err
		}
	}
	adverts, err := s.Nodes[s.subject].Port.Capture()
	if err != nil {
		return v, err
	}
	defer adverts.Close()
	begun := time.Now()
	if err := r.act(ctx, s); err != nil {
		return v, err
	}
	if r.master < 0 || r.endless {
		if err := s.wait(ctx, endless); err != nil {
			return v, err
		}
	} else if _, err := s.until(ctx, s.Nodes[r.master], patience); err != nil {
		v.forever = true
	}
	if err := s.wait(ctx, settle); err != nil {
		return v, err
	}
	end := time.Now()
	v.Summary = s.Probe.Summary(begun, end)
	if kept != nil {
		k := kept.Summary(begun)
		v.kept = &k
	}
	spans := [2][]lab.Span{s.Nodes[0].Holding.Spans(), s.Nodes[1].Holding.Spans()}
	v.both = lab.Together(spans[0], spans[1], begun)
	v.onBoth = held(spans[0], end) && held(spans[1], end) && r.master >= 0
	for _, list := range spans {
		for _, span := range list {
			if span.From.After(begun) {
				v.changes++
			}
			if span.To.After(begun) {
				v.changes++
			}
		}
	}
	v.gap = longestGap(adverts.Frames(), begun, end)
	v.stall, _ = s.stalls.Since(begun)
	if l != nil {
		v.verdicts = v.judge(*l)
	}
	return v, nil
}

// until waits until the node holds the VIP and serves.
func (s *stand) until(ctx context.Context, n *scenario.Node, limit time.Duration) (probe.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := n.Holding.Wait(ctx, true); err != nil {
		return probe.Result{}, err
	}
	return s.Probe.Wait(ctx, time.Now(), func(r probe.Result) bool { return r.OK() && r.Server == n.Title })
}

func (s *stand) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func held(spans []lab.Span, at time.Time) bool {
	return slices.ContainsFunc(spans, func(x lab.Span) bool { return x.From.Before(at) && (x.To.IsZero() || x.To.After(at)) })
}

// longestGap is the longest time between two VRRP packets, whoever sent them.
func longestGap(frames []lab.Frame, from, to time.Time) time.Duration {
	last := from
	var longest time.Duration
	for _, f := range frames {
		// IPv4, protocol 112 (RFC 9568, 5.1.1.4).
		if len(f.Data) < 34 || f.Data[12] != 0x08 || f.Data[13] != 0 || f.Data[23] != 112 || f.At.Before(from) || f.At.After(to) {
			continue
		}
		longest = max(longest, f.At.Sub(last))
		last = f.At
	}
	return max(longest, to.Sub(last))
}

// judge says what is not as the limit says.
func (v *seen) judge(l limit) (wrong []string) {
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if l.outage >= 0 && (v.Outage > l.outage || v.forever) {
		add("%s without an answer, at most %v", v.outageText(), l.outage)
	}
	if l.failed >= 0 && v.Failed > l.failed {
		add("%d of %d requests failed, at most %d: %s", v.Failed, v.Requests, l.failed, errorList(v.Errors))
	}
	if v.kept != nil && l.kept >= 0 && v.kept.Failed > l.kept {
		add("%d of %d requests on kept connections failed, at most %d: %s", v.kept.Failed, v.kept.Requests, l.kept, errorList(v.kept.Errors))
	}
	if l.both >= 0 && v.both > l.both {
		add("VIP on both nodes for %v, at most %v", round(v.both), l.both)
	}
	if l.changes >= 0 && v.changes > l.changes {
		add("the VIP came or went %d times, at most %d", v.changes, l.changes)
	}
	if l.gap >= 0 && v.gap > l.gap {
		add("%v between two adverts, at most %v", round(v.gap), l.gap)
	}
	if l.answered > 0 && v.Silence > l.answered {
		add("%v without any answer, at most %v: %s", round(v.Silence), l.answered, errorList(v.Errors))
	}
	if wrong != nil && v.stall > 0 {
		add("the machine stalled for %v meanwhile", round(v.stall))
	}
	return wrong
}

func (v *seen) outageText() string {
	if v.forever {
		return "for ever (" + round(v.Outage).String() + " watched)"
	}
	return round(v.Outage).String()
}

// text is the row's cell in the table.
func (v *seen) text() string {
	if v.nothing != "" {
		return v.nothing
	}
	parts := []string{v.outageText(), fmt.Sprintf("%d/%d failed", v.Failed, v.Requests)}
	if errors := v.Answered - (v.Requests - v.Failed); errors > 0 {
		parts[1] += fmt.Sprintf(" (%d of them answered with an error)", errors)
	}
	if v.Answered > 0 && v.Failed == v.Requests {
		// Nobody serves: who answers is what there is to see.
		parts = []string{fmt.Sprintf("%d/%d answered with an error", v.Answered, v.Requests), fmt.Sprintf("%v without any answer", round(v.Silence))}
	}
	if v.kept != nil {
		parts = append(parts, fmt.Sprintf("%d/%d on kept connections", v.kept.Failed, v.kept.Requests))
	}
	switch {
	case v.onBoth:
		parts = append(parts, "VIP on both for ever")
	case v.both > 0:
		parts = append(parts, fmt.Sprintf("on both %v", round(v.both)))
	}
	return strings.Join(parts, ", ")
}

func errorList(errors map[string]int) string {
	var list []string
	for text, n := range errors {
		list = append(list, fmt.Sprintf("%d x %s", n, text))
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}

// round drops what no clock here is good for.
func round(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
