package keepalivedconf

import (
	"time"

	"tandem/keepalivedconf/text"
)

// processRows is what may stand in vrrp_track_process.
var processRows = newRows(
	row[Process]{name: "process", min: 1, set: func(b *builder, p *Process, s *Statement) {
		if p.Path != "" {
			b.err(s, "Process already set for track process %s - ignoring %s", p.Name, s.Arg(1))
			return
		}
		p.Path = s.Arg(1)
		if s.Args() > 1 {
			p.Params = s.Words[2:]
			p.FullCommand = true
			if p.Match == MatchNone {
				p.Match = MatchExact
			}
		}
	}},
	row[Process]{name: "param_match", set: func(b *builder, p *Process, s *Statement) {
		switch {
		case s.Args() == 0:
			p.Match = MatchExact
		case s.Arg(1) == "initial":
			p.Match = MatchInitial
		case s.Arg(1) == "partial":
			p.Match = MatchPartial
		default:
			b.err(s, "Invalid param_match type %s - ignoring", s.Arg(1))
			return
		}
		p.FullCommand = true
	}},
	row[Process]{name: "weight", set: func(b *builder, p *Process, s *Statement) {
		if s.Args() == 0 {
			b.err(s, "No weight specified for track process %s - ignoring", p.Name)
			return
		}
		if p.Weight != 0 {
			b.err(s, "Weight already set for track process %s - ignoring %s", p.Name, s.Arg(1))
			return
		}
		v, ok := b.signedNumber(s, s.Arg(1), -254, 254)
		if !ok {
			b.err(s, "Weight (%s) for vrrp_track_process %s must be between [-254..254] inclusive. Ignoring...", s.Arg(1), p.Name)
			return
		}
		if s.Arg(2) == "reverse" {
			p.Reverse = true
		} else if s.Args() > 1 {
			b.err(s, "vrrp_track_process %s unknown weight option %s", p.Name, s.Arg(2))
		}
		p.Weight = v
	}},
	row[Process]{name: "quorum", min: 1, set: func(b *builder, p *Process, s *Statement) {
		v, ok := b.number(s, s.Arg(1), 1, 65535)
		switch {
		case !ok:
			b.err(s, "Quorum (%s) for vrrp_track_process %s must be between [1..65535] inclusive. Ignoring...", s.Arg(1), p.Name)
		case p.QuorumMax != unset && int(v) > p.QuorumMax:
			b.err(s, "Quorum is greater than quorum_max - ignoring")
		default:
			p.Quorum = int(v)
		}
	}},
	row[Process]{name: "quorum_max", min: 1, set: func(b *builder, p *Process, s *Statement) {
		v, ok := b.number(s, s.Arg(1), 0, 65535)
		switch {
		case !ok:
			b.err(s, "quorum_max (%s) for vrrp_track_process %s must be between [0..65535] inclusive. Ignoring...", s.Arg(1), p.Name)
			return
		case (v != 0 || p.Quorum > 1) && int(v) < p.Quorum:
			b.err(s, "quorum_max is less than quorum - ignoring")
			return
		}
		p.QuorumMax = int(v)
		if v == 0 {
			p.Quorum = 0
		} else if p.Quorum == 0 {
			p.Quorum = 1
		}
	}},
	row[Process]{name: "delay", min: 1, set: func(b *builder, p *Process, s *Statement) {
		if d, ok := b.processDelay(p, s); ok {
			p.ForkDelay, p.TerminateDelay = d, d
		}
	}},
	row[Process]{name: "fork_delay", min: 1, set: func(b *builder, p *Process, s *Statement) {
		if d, ok := b.processDelay(p, s); ok {
			p.ForkDelay = d
		}
	}},
	row[Process]{name: "terminate_delay", min: 1, set: func(b *builder, p *Process, s *Statement) {
		if d, ok := b.processDelay(p, s); ok {
			p.TerminateDelay = d
		}
	}},
	row[Process]{name: "full_command", set: func(b *builder, p *Process, s *Statement) { p.FullCommand = true }},
)

func (b *builder) processDelay(p *Process, s *Statement) (time.Duration, bool) {
	d, ok := b.microseconds(s, s.Arg(1), 1, 3_600_000_000)
	if !ok {
		b.err(s, "%s (%s) for vrrp_track_process %s must be between [0.000001..3600] inclusive. Ignoring...", s.Name(), s.Arg(1), p.Name)
	}
	return d, ok
}

// addProcess reads a vrrp_track_process block.
func addProcess(b *builder, c *Config, s *Statement) {
	p := &Process{Name: s.Arg(1), Pos: s.Pos, Quorum: 1, QuorumMax: unset}
	processRows.walk(b, p, s.Body, nil)
	if p.Path == "" {
		b.say(text.KindGeneral, s.Close, "track process '%s' process name not specified", p.Name)
		return
	}
	if p.StandIn = b.opt.StandIn.Stands(p.Path) && p.QuorumMax != 0; p.StandIn {
		b.advice(p.Pos, "nothing has to be done; once no node runs nginx and keepalived any more, the self-probe needs no such line",
			"vrrp_track_process %s looks for %s, whose place tandem takes: the answer is what its self-probe says", p.Name, p.Path)
	}
	c.Processes = append(c.Processes, p)
	if b.processes[p.Name] == nil {
		b.processes[p.Name] = p
	}
}

// trackFileRows is what may stand in track_file at the top of the file.
var trackFileRows = newRows(
	row[TrackFile]{name: "file", set: func(b *builder, f *TrackFile, s *Statement) {
		switch {
		case s.Args() == 0:
			b.err(s, "track file file name missing")
		case f.Path != "":
			b.err(s, "File already set for track file %s - ignoring %s", f.Name, s.Arg(1))
		default:
			f.Path = s.Arg(1)
		}
	}},
	row[TrackFile]{name: "weight", set: func(b *builder, f *TrackFile, s *Statement) {
		if s.Args() == 0 {
			b.err(s, "No weight specified for track file %s - ignoring", f.Name)
			return
		}
		if f.Weight != 1 {
			b.err(s, "Weight already set for track file %s - ignoring %s", f.Name, s.Arg(1))
			return
		}
		v, ok := b.signedNumber(s, s.Arg(1), -254, 254)
		if !ok {
			b.err(s, "Weight (%s) for track_file %s must be between [-254..254] inclusive. Ignoring...", s.Arg(1), f.Name)
			v = 1
		}
		f.Weight = v
		if s.Arg(2) == "reverse" {
			f.Reverse = true
		} else if s.Args() > 1 {
			b.err(s, "track_file %s unknown weight option %s", f.Name, s.Arg(2))
		}
	}},
	row[TrackFile]{name: "init_file", set: func(b *builder, f *TrackFile, s *Statement) {
		f.Init = true
		for _, word := range s.Words[1:] {
			switch {
			case word == "overwrite":
				f.Overwrite = true
			case word != "" && (word[0] == '-' || word[0] >= '0' && word[0] <= '9'):
				v, ok := b.integer(s, word, -1<<31, maxInt32)
				if !ok {
					b.err(s, "Track file %s init value %s is invalid", f.Name, word)
				} else if v < -254 || v > 254 {
					b.err(s, "Track file %s init value %d is outside sensible range [%d, %d]", f.Name, v, -254, 254)
				}
				f.InitValue = v
			default:
				b.err(s, "Unknown track file init option %s", word)
			}
		}
	}},
)

// addFile reads a track_file block.
func addFile(b *builder, c *Config, s *Statement) {
	f := &TrackFile{Name: s.Arg(1), Pos: s.Pos, Weight: 1}
	trackFileRows.walk(b, f, s.Body, nil)
	if f.Path == "" {
		b.say(text.KindGeneral, s.Close, "No file set for track_file %s - ignoring", f.Name)
		return
	}
	c.TrackFiles = append(c.TrackFiles, f)
	if b.files[f.Name] == nil {
		b.files[f.Name] = f
	}
}
