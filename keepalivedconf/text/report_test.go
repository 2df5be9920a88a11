package text

import (
	"slices"
	"testing"
)

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		kinds []Kind
		want  int
	}{
		{nil, 0},
		{[]Kind{KindNote, KindAdvice, KindUnsupported}, 0},
		{[]Kind{KindFile}, 4},
		{[]Kind{KindFatal, KindAdvice}, 4},
		{[]Kind{KindFatal, KindUnknown}, 5}, // as in keepalived, an error hides a fatal one
		{[]Kind{KindDeprecated}, 5},
		{[]Kind{KindUnknown, KindSecurity, KindGeneral}, 6},
		{[]Kind{KindSecurity, KindMissingParameter}, 2},
	} {
		var rs Reports
		for _, k := range c.kinds {
			rs = append(rs, Report{Kind: k})
		}
		if got := rs.ExitCode(); got != c.want {
			t.Errorf("%v: exit %d, want %d", c.kinds, got, c.want)
		}
	}
}

func TestReportText(t *testing.T) {
	r := Report{Kind: KindUnknown, Pos: Pos{"/etc/k.conf", 7}, Text: "Unknown keyword 'x'", Hint: "did you mean y?"}
	if got := r.String(); got != "(/etc/k.conf: Line 7) Unknown keyword 'x'" {
		t.Error(got)
	}
	if got := r.Explain(); got != "(/etc/k.conf: Line 7) Unknown keyword 'x'\n    did you mean y?" {
		t.Error(got)
	}
	if got := (Report{Text: "There are 1 missing '}'s"}).Explain(); got != "There are 1 missing '}'s" {
		t.Error(got)
	}
}

func TestReportsByPlace(t *testing.T) {
	files := []File{{Name: "main"}, {Name: "other"}}
	rs := Reports{
		{Text: "no place"}, {Pos: Pos{"other", 1}, Text: "other 1"}, {Pos: Pos{"main", 9}, Text: "main 9"},
		{Pos: Pos{"main", 2}, Text: "main 2, first"}, {Pos: Pos{"main", 2}, Text: "main 2, second"},
	}
	rs.SortByPlace(files)
	var got []string
	for _, r := range rs {
		got = append(got, r.Text)
	}
	if want := []string{"main 2, first", "main 2, second", "main 9", "other 1", "no place"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// tandem -t is not stricter than keepalived about scripts, and stricter about what does not happen.
func TestTestCode(t *testing.T) {
	for _, c := range []struct {
		kind               Kind
		tandem, keepalived int
	}{
		{KindNote, ExitOK, ExitOK},
		{KindAdvice, ExitOK, ExitOK},
		{KindUnsupported, ExitErrors, ExitErrors},
		{KindFile, ExitCannot, ExitCannot},
		{KindUnknown, ExitErrors, ExitErrors},
		{KindSecurity, ExitOK, ExitSecurity},
	} {
		rs := Reports{{Kind: c.kind}}
		if got := rs.TestCode(false); got != c.tandem {
			t.Errorf("%v: exit %d, want %d", c.kind, got, c.tandem)
		}
		if got := rs.TestCode(true); got != c.keepalived {
			t.Errorf("%v as keepalived: exit %d, want %d", c.kind, got, c.keepalived)
		}
	}
}

// What was wrong before is no reason to refuse a file that is read again.
func TestNewMistakes(t *testing.T) {
	before := Reports{{Kind: KindUnknown, Pos: Pos{"f", 1}, Text: "old"}}
	now := Reports{
		{Kind: KindUnknown, Pos: Pos{"f", 7}, Text: "old"}, // it has moved
		{Kind: KindNumber, Text: "new"}, {Kind: KindAdvice, Text: "advice"}, {Kind: KindUnsupported, Text: "unsupported"},
	}
	if got := now.NewMistakes(before); len(got) != 1 || got[0].Text != "new" {
		t.Errorf("%v", got)
	}
	for kind, want := range map[Kind]bool{KindNote: false, KindAdvice: false, KindUnsupported: true, KindUnknown: true, KindGeneral: true, KindWarning: false} {
		if kind.Matters() != want {
			t.Errorf("%v matters: %v", kind, !want)
		}
	}
}
