package text

import "slices"

// TestCode is the exit code of `tandem -t` for these reports, if asKeepalived is false: keepalived's, but for two
// differences. That enable_script_security is missing is told and no reason to fail: scripts of an operator's own that
// ask for a test of the files (`nginx -t && ...`) would never go on. What is not supported, and matters, is an error
// that the configuration runs without.
func (rs Reports) TestCode(asKeepalived bool) int {
	rest := rs
	if !asKeepalived {
		rest = slices.DeleteFunc(slices.Clone(rs), func(r Report) bool { return r.Kind == KindSecurity })
	}
	code := rest.ExitCode()
	if code == ExitOK && len(rest.Of(KindUnsupported)) > 0 {
		return ExitErrors
	}
	return code
}

// mistake reports whether something of the file is not understood, or not taken as it was written.
func (k Kind) mistake() bool { return k >= KindFile && k <= KindGeneral }

// Matters reports whether something that the file asks for does not happen.
func (k Kind) Matters() bool { return k == KindUnsupported || k.mistake() }

// NewMistakes returns the mistakes that are not among those of before: what somebody has just written wrong. A file that
// has always had some goes on being taken with them.
func (rs Reports) NewMistakes(before Reports) Reports {
	known := map[string]bool{}
	for _, r := range before {
		known[r.Text] = true
	}
	var news Reports
	for _, r := range rs {
		if r.Kind.mistake() && !known[r.Text] {
			news = append(news, r)
		}
	}
	return news
}
