package keepalivedconf

import (
	"strings"
	"time"

	"tandem/keepalivedconf/text"
)

// trackRows is the keywords of a block that says what is tracked. of returns
// the name of the block's owner, for the reports, and where its lines go.
func trackRows[T any](of func(*T) (owner string, into *Tracking)) []row[T] {
	block := func(name string, add func(b *builder, owner string, into *Tracking, s *Statement)) row[T] {
		return row[T]{name: name, block: text.Values, set: eachValue(func(b *builder, v *T, s *Statement) {
			owner, into := of(v)
			add(b, owner, into, s)
		})}
	}
	return []row[T]{
		block("track_interface", addTrackInterface),
		block("track_script", addTrackScript),
		block("track_file", addTrackFile),
		block("track_process", addTrackProcess),
		block("track_bfd", addTrackBFD),
	}
}

// trackWords is the words of the reports about one line, and what it may say.
// Each is a format with the one word that is wrong.
type trackWords struct {
	noValue       string
	unknownOption string
	badWeight     string
	badDirection  string
	dropDirection bool // an unknown direction drops the line
	clamp         bool // +-254 becomes +-253
	narrow        bool // +-254 is too much
	noreverse     bool // noreverse is known
}

// wordsOf returns the words about a script, a file or a process, by kind.
func wordsOf(owner, kind, name string) trackWords {
	o, n := escape(owner), escape(name)
	return trackWords{
		noValue:       "(" + o + ") weight without value specified for track " + kind + " " + n + " - ignoring%.0s",
		unknownOption: "(" + o + ") unknown track " + kind + " option %s - ignoring",
		badWeight:     "(" + o + ") weight for track " + kind + " " + n + " must be in [-254..254] inclusive. Ignoring...%.0s",
		badDirection:  "(" + o + ") unknown track_" + kind + " " + n + " weight option %s - ignoring",
		noreverse:     true,
	}
}

// trackWeight reads "weight N [reverse|noreverse]" after the name of something tracked. keep is false if the whole line
// is to be dropped.
func (b *builder) trackWeight(s *Statement, owner string, weight int, reverse bool, t trackWords) (w int, r, keep bool) {
	if s.Args() == 0 {
		return weight, reverse, true
	}
	if s.Arg(1) != "weight" {
		b.err(s, t.unknownOption, s.Arg(1))
		return 0, false, false
	}
	if s.Args() == 1 {
		b.err(s, t.noValue, s.Arg(1))
		return 0, false, false
	}
	most := 254
	if t.narrow {
		most = 253
	}
	if v, ok := b.signedNumber(s, s.Arg(2), -most, most); !ok {
		b.err(s, t.badWeight, s.Arg(2))
	} else if t.clamp && (v == 254 || v == -254) {
		b.err(s, "(%s) weight for %s cannot be +/-254. Setting to +/-253", owner, s.Words[0])
		weight = v / 254 * 253
	} else {
		weight = v
	}
	if s.Args() >= 3 {
		switch {
		case s.Arg(3) == "reverse":
			reverse = true
		case s.Arg(3) == "noreverse" && t.noreverse:
			reverse = false
		default:
			b.err(s, t.badDirection, s.Arg(3))
			if t.dropDirection {
				return 0, false, false
			}
		}
	}
	return weight, reverse, true
}

// addTrack reads a line of a track block.
func (b *builder) addTrack(owner, block string, list *[]Track, s *Statement, weight int, reverse bool, t trackWords) {
	name := s.Words[0]
	for _, other := range *list {
		if other.Name == name {
			b.err(s, "(%s) duplicate %s %s - ignoring", owner, block, name)
			return
		}
	}
	if w, r, keep := b.trackWeight(s, owner, weight, reverse, t); keep {
		*list = append(*list, Track{s.Pos, name, w, r})
	}
}

// addTrackInterface reads a line of track_interface.
func addTrackInterface(b *builder, owner string, into *Tracking, s *Statement) {
	name := s.Words[0]
	if !b.interfaceExists(name) {
		b.err(s, "(%s) tracked interface %s doesn't exist", owner, name)
	}
	o, n := escape(owner), escape(name)
	b.addTrack(owner, "track_interface", &into.TrackInterfaces, s, 0, false, trackWords{
		noValue:       "(" + o + ") weight without value specified for track_interface " + n + " - ignoring%.0s",
		unknownOption: "(" + o + ") unknown track_interface " + n + " option %s - ignoring",
		badWeight:     "(" + o + ") weight %s for " + n + " must be between [-253..253] inclusive. Ignoring...",
		badDirection:  "(" + o + ") unknown track_interace " + n + " weight option %s - ignoring",
		clamp:         true,
	})
}

// addTrackScript reads a line of track_script; the vrrp_script must stand before it.
func addTrackScript(b *builder, owner string, into *Tracking, s *Statement) {
	name := s.Words[0]
	script := b.scripts[name]
	if script == nil {
		b.err(s, "(%s) track script %s not found, ignoring...", owner, name)
		return
	}
	t := wordsOf(owner, "script", name)
	t.badWeight = "(" + escape(owner) + ") track script " + escape(name) + ": weight must be between [-253..253] inclusive, ignoring...%.0s"
	t.clamp = true
	b.addTrack(owner, "track_script", &into.TrackScripts, s, script.Weight, script.Reverse, t)
}

// addTrackProcess reads a line of track_process; the vrrp_track_process must stand before it.
func addTrackProcess(b *builder, owner string, into *Tracking, s *Statement) {
	name := s.Words[0]
	p := b.processes[name]
	if p == nil {
		b.err(s, "(%s) track process %s not found, ignoring...", owner, name)
		return
	}
	b.addTrack(owner, "track_process", &into.TrackProcesses, s, p.Weight, p.Reverse, wordsOf(owner, "process", name))
}

// addTrackFile reads a line of track_file in an instance or group; the track_file block must stand before it.
func addTrackFile(b *builder, owner string, into *Tracking, s *Statement) {
	name := s.Words[0]
	f := b.files[name]
	if f == nil {
		b.err(s, "(%s) track file %s not found, ignoring...", owner, name)
		return
	}
	t := wordsOf(owner, "file", name)
	t.badDirection = "(" + escape(owner) + ") unknown track file " + escape(name) + " weight option %s - ignoring"
	t.dropDirection = true
	b.addTrack(owner, "track_file", &into.TrackFiles, s, f.Weight, f.Reverse, t)
}

// scriptRows is what may stand in vrrp_script.
var scriptRows = newRows(
	row[Script]{name: "script", quoted: true, set: func(b *builder, v *Script, s *Statement) {
		v.Command.Args = nil
		c, _ := b.command(s)
		c.User, c.Group, c.Supplementary = v.Command.User, v.Command.Group, v.Command.Supplementary
		v.Command = c
	}},
	row[Script]{name: "interval", min: 1, set: func(b *builder, v *Script, s *Statement) {
		n, ok := b.decimal(s, s.Arg(1), 0, maxTimerSeconds*1000, 3)
		if !ok {
			b.err(s, "(%s): vrrp script interval '%s' must be between 0.001 and %d - ignoring", v.Name, s.Arg(1), maxTimerSeconds)
			return
		}
		if n == 0 {
			b.err(s, "(%s): vrrp script interval must be greater than 0, setting to 1", v.Name)
			n = 1000
		}
		v.Interval = time.Duration(n) * time.Millisecond
	}},
	row[Script]{name: "timeout", min: 1, set: func(b *builder, v *Script, s *Statement) {
		n, ok := b.decimal(s, s.Arg(1), 0, maxTimerSeconds*1000, 3)
		if !ok {
			b.err(s, "(%s): vrrp script timeout '%s' invalid - ignoring", v.Name, s.Arg(1))
			return
		}
		if n == 0 {
			b.err(s, "(%s): vrrp script timeout must be greater than 0, setting to 1", v.Name)
			n = 1000
		}
		v.Timeout = time.Duration(n) * time.Millisecond
	}},
	row[Script]{name: "weight", min: 1, set: func(b *builder, v *Script, s *Statement) {
		n, ok := b.signedNumber(s, s.Arg(1), -253, 253)
		if !ok {
			b.err(s, "vrrp_script %s weight %s must be in [-253, 253]", v.Name, s.Arg(1))
			// keepalived takes it all the same, and then keeps the priority in its bounds, which comes to this.
			n = leadingNumber(strings.TrimPrefix(s.Arg(1), "-"))
			if strings.HasPrefix(s.Arg(1), "-") {
				n = -n
			}
			n = min(max(n, -253), 253)
		}
		v.Weight = n
		if s.Arg(2) == "reverse" {
			v.Reverse = true
		} else if s.Args() >= 2 {
			b.err(s, "vrrp_script %s unknown weight option %s", v.Name, s.Arg(2))
		}
	}},
	row[Script]{name: "rise", min: 1, set: func(b *builder, v *Script, s *Statement) {
		if !b.count(s, 1, maxInt32, &v.Rise, "("+escape(v.Name)+"): vrrp script rise value '%s' invalid, defaulting to 1") {
			v.Rise = 1
		}
	}},
	row[Script]{name: "fall", min: 1, set: func(b *builder, v *Script, s *Statement) {
		if !b.count(s, 1, maxInt32, &v.Fall, "("+escape(v.Name)+"): vrrp script fall value '%s' invalid, defaulting to 1") {
			v.Fall = 1
		}
	}},
	row[Script]{name: "user", min: 1, set: func(b *builder, v *Script, s *Statement) {
		c := v.Command
		v.remove = !b.owner(s, &c, s.Words[1:])
		if v.remove {
			b.err(s, "Unable to set uid/gid for script %s", v.Command)
			return
		}
		v.Command, v.userSet = c, true
	}},
	row[Script]{name: "init_fail", set: func(b *builder, v *Script, s *Statement) { v.InitFail = true }},
)

// addScript reads a vrrp_script block.
func addScript(b *builder, c *Config, s *Statement) {
	v := &Script{Name: s.Arg(1), Pos: s.Pos, Interval: time.Second, Rise: 1, Fall: 1}
	scriptRows.walk(b, v, s.Body, nil)
	switch {
	case !v.Command.Set():
		b.say(text.KindGeneral, s.Close, "No script set for vrrp_script %s - removing", v.Name)
		return
	case v.remove:
		return
	case !v.userSet && !b.defaultOwner(s.Close):
		b.say(text.KindGeneral, s.Close, "Unable to set default user for vrrp script %s - removing", v.Name)
		return
	}
	if v.Timeout == 0 {
		v.Timeout = v.Interval
	}
	c.Scripts = append(c.Scripts, v)
	if b.scripts[v.Name] == nil {
		b.scripts[v.Name] = v
	}
}
