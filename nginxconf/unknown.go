package nginxconf

import (
	"fmt"
	"strings"
)

// unknown reports a directive without a command for its context, in the words
// of nginx where nginx would refuse it too. Each directive that is only missing
// here is reported once, with all its places.
func (b *binder) unknown(s *Scope, d *Directive) {
	owner := ownerOf(d.Name, s.Context)
	elsewhere := b.table.Knows(d.Name)
	switch {
	case owner.kind == ownedByNginx || owner.kind == ownedByPlus:
		if elsewhere {
			b.missingHere(d, s.Context, `"%s" is a directive of %s that tandem does not support here yet`, d.Name, owner.name)
		} else {
			b.missingHere(d, 0, `"%s" is a directive of %s that tandem does not support yet`, d.Name, owner.name)
		}
	case elsewhere || owner.kind == ownedElsewhere:
		s.Errorf(d, `"%s" directive is not allowed here`, d.Name)
	case owner.kind == ownedByModule:
		b.missingHere(d, 0, `"%s" is a directive of the %s module, which tandem does not support`, d.Name, owner.name)
	case owner.kind == ownedByOldNginx:
		s.Errorf(d, `unknown directive "%s", which nginx had until %s`, d.Name, owner.name)
	default:
		hint := ""
		if near := b.nearMiss(d.Name, s.Context); near != "" {
			hint = fmt.Sprintf(`, did you mean "%s"?`, near)
		}
		s.Errorf(d, `unknown directive "%s"%s`, d.Name, hint)
	}
}

// missingHere reports a directive as not supported in the context, 0 for in
// none, or adds its place to the report made before.
func (b *binder) missingHere(d *Directive, ctx Context, format string, args ...any) {
	key := missingKey{d.Name, ctx}
	if e := b.missing[key]; e != nil {
		b.addPlace(e, d.Pos)
		return
	}
	e := &Error{Pos: d.Pos, Msg: fmt.Sprintf(format, args...)}
	b.missing[key] = e
	b.listed[missingLine{e, d.Pos.File, d.Pos.Line}] = true
	b.errs = append(b.errs, e)
}

// addPlace adds a further place, unless it is there already: a file included
// many times counts once.
func (b *binder) addPlace(e *Error, pos Pos) {
	line := missingLine{e, pos.File, pos.Line}
	if !b.listed[line] {
		b.listed[line] = true
		e.Also = append(e.Also, pos)
	}
}

// missingLine is a line that a message lists.
type missingLine struct {
	e    *Error
	file string
	line int
}

// missingKey names a directive in a context; context 0 stands for all of them.
type missingKey struct {
	name    string
	context Context
}

// nearMiss returns the directive of the table that name was probably meant to
// be, "" if none is near enough.
func (b *binder) nearMiss(name string, ctx Context) string {
	if near, ok := b.near[missingKey{name, ctx}]; ok {
		return near
	}
	best, bestDistance := "", 3
	switch {
	case len(name) < 3:
		bestDistance = 0
	case len(name) < 5:
		bestDistance = 2
	}
	bestHere := false
	for candidate, commands := range b.table.commands {
		if abs(len(candidate)-len(name)) >= 3 {
			continue
		}
		here := false
		for _, c := range commands {
			here = here || c.In&ctx != 0
		}
		distance := editDistance(strings.ToLower(name), candidate)
		better := distance < bestDistance ||
			best != "" && distance == bestDistance && (here && !bestHere || here == bestHere && candidate < best)
		if better {
			best, bestDistance, bestHere = candidate, distance, here
		}
	}
	b.near[missingKey{name, ctx}] = best
	return best
}

// editDistance returns how many bytes have to be inserted, deleted, replaced or
// exchanged with their neighbour to turn a into b.
func editDistance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range len(b) {
			replace := above[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

func abs(n int) int { return max(n, -n) }
