package check

import (
	"context"
	"fmt"
	"math"
	"time"
)

// File is FILE_CHECK: the number in a file that others write is the server's
// weight, or a fault. Who follows the file pushes answers with the number as
// Status.
type File struct {
	// Weight is what the number is multiplied with; 0: any number but 0 is a fault.
	Weight  int
	Reverse bool
}

// String implements Method.
func (*File) String() string { return "FILE_CHECK" }

func (*File) asks() bool { return false }

func (*File) ask(context.Context, int) Answer { panic("check: a file is not asked") }

// weigh returns what a number comes to; fault: the server is down.
func (m *File) weigh(number int) (weight int, fault bool) {
	if m.Weight == 0 {
		return 0, (number != 0) != m.Reverse
	}
	product := int64(number) * int64(m.Weight)
	if m.Reverse {
		product = -product
	}
	if product < -math.MaxInt32 {
		return 0, true
	}
	return int(min(product, math.MaxInt32)), false
}

// take is keepalived's process_update_checker_track_file_status.
func (m *File) take(s *state, _ *Spec, a Answer) (f Finding, _ time.Duration) {
	weight, fault := m.weigh(a.Status)
	s.status, s.numbered, s.weight = a.Status, true, weight
	if fault {
		f.Reason = fmt.Sprintf("the number in the file is %d", a.Status)
	}
	if s.up == fault || !s.ran {
		s.turned(&f, !fault)
	}
	return f, 0
}

// BFD is BFD_CHECK: a session whose state says how the server is. Who runs the
// session pushes answers.
type BFD struct {
	Session string // its name
}

// String implements Method.
func (*BFD) String() string { return "BFD_CHECK" }

func (*BFD) asks() bool { return false }

func (*BFD) ask(context.Context, int) Answer { panic("check: BFD is not asked") }

// take is keepalived's bfd_check_handle_event.
func (m *BFD) take(s *state, spec *Spec, a Answer) (f Finding, _ time.Duration) {
	f.Reason = a.Reason
	if a.OK == s.up && s.ran {
		return f, 0
	}
	word, verb := "DOWN", "failed"
	if a.OK {
		word, verb = "UP", "succeeded"
	}
	f.log(fmt.Sprintf("BFD check of [%s] RS(%s) is %s", m.Session, spec.Name, word))
	s.turned(&f, a.OK)
	f.mail(fmt.Sprintf("=> BFD CHECK %s %s on service <=", m.Session, verb), f.Changed)
	return f, 0
}
