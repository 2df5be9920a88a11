package vars

import (
	"errors"
	"fmt"
	"strings"

	"tandem/internal/murmur2"
	nc "tandem/nginxconf"
	"tandem/session"
)

// SplitClients is the split_clients module:
//
//	split_clients STRING $VARIABLE { PERCENT% VALUE; ... * VALUE; }
func SplitClients(in session.Contexts) *session.Module {
	return &session.Module{Name: "split_clients", Commands: []nc.Command{
		{Name: "split_clients", In: in.Block, Arity: nc.Block | nc.Take2, Set: readSplitClients},
	}}
}

// split is one split_clients block.
type split struct {
	source *session.Template
	parts  []splitPart
}

// splitPart is one line: the value for hashes below a bound.
type splitPart struct {
	below uint32 // 0: all hashes
	value string
}

// wholePercent is 100% in hundredths of a percent.
const wholePercent = 10000

func readSplitClients(s *nc.Scope, d *nc.Directive) error {
	r := session.BlockOf(s).Realm
	sp := new(split)
	var err error
	if sp.source, err = r.Template(d, d.Args[0]); err != nil {
		return err
	}
	name, err := variableName(d.Args[1])
	if err != nil {
		return err
	}
	sum, last := 0, uint32(0)
	eachEntry(s, d, func(_ *nc.Directive, words []string) error {
		if len(words) != 2 {
			return errors.New("invalid number of the split_clients parameters")
		}
		percent, err := parsePercent(words[0])
		if err != nil {
			return err
		}
		part := splitPart{value: words[1]}
		if sum += percent; percent == 0 {
			sum = wholePercent
		}
		if sum > wholePercent {
			sum = 0 // told once
			return errors.New("percent total is greater than 100%")
		}
		if sum < wholePercent {
			last += uint32(uint64(percent) * 0xffffffff / wholePercent)
			part.below = last
		}
		sp.parts = append(sp.parts, part)
		return nil
	})
	return r.DefineVariable(name, sp.get, true)
}

// parsePercent reads "12.34%" in hundredths of a percent; "*" is 0.
func parsePercent(text string) (int, error) {
	if text == "*" {
		return 0, nil
	}
	invalid := fmt.Errorf("invalid percent value \"%s\"", text)
	number, ok := strings.CutSuffix(text, "%")
	whole, fraction, hasFraction := strings.Cut(number, ".")
	if !ok || number == "" || len(fraction) > 2 || hasFraction && strings.Contains(fraction, ".") {
		return 0, invalid
	}
	n, err := 0, error(nil)
	if digits := whole + (fraction + "00")[:2]; strings.Trim(digits, "0123456789") != "" {
		return 0, invalid
	} else if n, err = nc.ParseNumber(digits); err != nil || n == 0 {
		return 0, invalid
	}
	return n, nil
}

func (sp *split) get(s *session.Session, dst []byte) ([]byte, bool) {
	source := sp.source.Append(s, s.Scratch())
	hash := murmur2.Sum32(source)
	s.Unscratch(source)
	for i := range sp.parts {
		if p := &sp.parts[i]; hash < p.below || p.below == 0 {
			return append(dst, p.value...), true
		}
	}
	return dst, true
}
