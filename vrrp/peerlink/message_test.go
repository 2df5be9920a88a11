package peerlink

import (
	"bufio"
	"errors"
	"testing"
)

// What another version says or hears.
func TestVersions(t *testing.T) {
	w := newSegment(t)
	master := w.start(t, "m", addrA)
	w.air.speak(addrB)
	for say, want := range map[string]string{
		`{"hello":{"protocol":1,"vrid":51,"process":"0011223344556677","nonce":"00112233445566778899aabbccddeeff"}}` + "\n": answerVersion1,
		"tandem-link 3 and whatever comes then\n": otherVersion.String(),
		"tandem-link 2 52 inet plain\n":           noInstance.String(),
		"tandem-link 2 51 inet tls\n":             keyUnknown.String(),
	} {
		c := w.raw(t, addrB, master, hopLimit)
		_, _ = c.Write([]byte(say))
		got, _ := bufio.NewReader(c).ReadString('\n')
		if got != want {
			t.Errorf("%q is answered %q, want %q", say, got, want)
		}
	}
	for line, want := range map[string]error{
		answerVersion1: errNotHello, "tandem-link 9 ok\n": errVerdicts[otherVersion], accepted.String(): nil,
		keyMissing.String(): errVerdicts[keyMissing], "\n": errNotHello,
	} {
		if err := parseVerdict(line); !errors.Is(err, want) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"opening":{"process":"ab","vrid":51,"from":"192.0.2.1","to":"192.0.2.2"}}`))
	f.Add([]byte(`{"info":{"node":"a","digest":{"a":"b"},"backups":["192.0.2.1"]}}`))
	f.Add([]byte(`{"handover":{"step":"ready","hardware":{"192.0.2.1":"02:00:00:00:00:01"}}}`))
	f.Add([]byte(`{"keep":[{"name":"a","content":"eA==","number":1},{"name":"b","number":2}],"kept":3}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			return
		}
		if i := m.Info; i != nil {
			Differences(i.Digest, nil)
			for _, text := range []string{i.Node, i.Version, i.Health} {
				if clean(text) != text {
					t.Errorf("not clean: %q", text)
				}
			}
		}
		if m.Handover != nil && !m.Handover.Step.known() {
			t.Errorf("unknown step %q", m.Handover.Step)
		}
		_ = m.Opening.check(opening{})
	})
}

func FuzzHello(f *testing.F) {
	f.Add(hello{version, linkID{51, true}, true}.String())
	f.Add(accepted.String())
	f.Fuzz(func(t *testing.T, line string) {
		if h, err := parseHello(line); err == nil && h.version == version && h.String() != line {
			t.Errorf("%q is read as %+v", line, h)
		}
		_ = parseVerdict(line)
	})
}
