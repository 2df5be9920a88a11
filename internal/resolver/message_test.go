package resolver

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// reply makes an answer to a query: the records are given without the name,
// which is that of the question.
func reply(query []byte, flags uint16, records ...[]byte) []byte {
	b := append([]byte(nil), query...)
	binary.BigEndian.PutUint16(b[2:], 0x8180|flags)
	binary.BigEndian.PutUint16(b[6:], uint16(len(records)))
	for _, r := range records {
		b = append(append(b, 0xc0, headerSize), r...)
	}
	return b
}

func record(typ recordType, ttl uint32, data ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(typ))
	b = binary.BigEndian.AppendUint16(b, classIN)
	b = binary.BigEndian.AppendUint32(b, ttl)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

func query(t testing.TB, name string, typ recordType) []byte {
	t.Helper()
	q, err := appendQuery(nil, 7, name, typ)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestParseMessage(t *testing.T) {
	q := query(t, "A.Example", typeA)
	m, err := parseMessage(reply(q, 0, record(typeCNAME, 50, 1, 'b', 0xc0, 14), record(typeA, 300, 192, 0, 2, 1), record(typeA, 100, 192, 0, 2, 2)))
	if err != nil || m.question != "a.example" || m.ttl != 50 || m.cname != "b.example" || len(m.addrs) != 2 ||
		m.addrs[1] != netip.MustParseAddr("192.0.2.2") || m.id != 7 {
		t.Errorf("got %+v %v", m, err)
	}
	if m, err := parseMessage(reply(q, uint16(ErrServerFailure))); err != nil || m.code != int(ErrServerFailure) {
		t.Errorf("server failure: %+v %v", m, err)
	}
	srv := query(t, "_http._tcp.example", typeSRV)
	m, err = parseMessage(reply(srv, 0, record(typeSRV, 1<<31, 0, 1, 0, 2, 0x1f, 0x90, 1, 'h', 0)))
	if err != nil || len(m.srvs) != 1 || m.srvs[0] != (srvRecord{1, 2, 8080, "h"}) || m.ttl != 0 {
		t.Errorf("SRV: %+v %v", m, err)
	}
}

func TestParseMessageRefuses(t *testing.T) {
	q := query(t, "a.example", typeA)
	loop := append([]byte(nil), reply(q, 0)...)
	loop[headerSize], loop[headerSize+1] = 0xc0, headerSize
	for name, b := range map[string][]byte{
		"nothing":                nil,
		"a query":                q,
		"short":                  reply(q, 0, record(typeA, 1, 1, 2, 3, 4))[:40],
		"a name that has no end": loop,
		"an address of 3 bytes":  reply(q, 0, record(typeA, 1, 1, 2, 3)),
		"no data":                reply(q, 0, record(typeA, 1)),
		"the other version":      reply(q, 0, record(typeAAAA, 1, make([]byte, 16)...)),
		"a truncated record":     reply(q, 0, record(typeA, 1, 1, 2, 3, 4)[:8]),
	} {
		if m, err := parseMessage(b); err == nil {
			t.Errorf("%s: accepted as %+v", name, m)
		}
	}
}

func TestAppendQueryRefuses(t *testing.T) {
	long := make([]byte, 64)
	for i := range long {
		long[i] = 'a'
	}
	for _, name := range []string{"", ".", "a..b", string(long) + ".b", ".a"} {
		if _, err := appendQuery(nil, 1, name, typeA); err == nil {
			t.Errorf("%q: accepted", name)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	q := query(f, "a.example", typeA)
	f.Add(reply(q, 0, record(typeA, 1, 1, 2, 3, 4)))
	f.Add(reply(q, 0, record(typeCNAME, 1, 0xc0, headerSize)))
	f.Add(reply(query(f, "_x._tcp.y", typeSRV), 0, record(typeSRV, 1, 0, 0, 0, 0, 0, 80, 1, 'a', 0)))
	f.Add(reply(q, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			return
		}
		for _, a := range m.addrs {
			if a.Is4() != (m.typ == typeA) {
				t.Errorf("an address %v in an answer of type %d", a, m.typ)
			}
		}
		if len(m.question) > maxName || len(m.cname) > maxName {
			t.Errorf("a name of %d bytes", max(len(m.question), len(m.cname)))
		}
	})
}

func TestCache(t *testing.T) {
	t0 := time.Unix(1000, 0)
	var c cache
	q := question{"a", kindAddrs}
	c.put(q, answer{valid: t0.Add(time.Second)}, t0)
	if _, ok := c.get(q, t0); !ok {
		t.Error("not kept")
	}
	if _, ok := c.get(q, t0.Add(time.Second)); ok {
		t.Error("kept for too long")
	}
	c.put(question{"b", kindAddrs}, answer{valid: t0.Add(time.Hour)}, t0.Add(time.Minute))
	if len(c.entries) != 1 {
		t.Errorf("%d entries, want those that are no longer valid dropped", len(c.entries))
	}
}

func TestReverseName(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.1":   "1.2.0.192.in-addr.arpa",
		"2001:db8::1": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		if got := reverseName(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
}

func TestResolvConf(t *testing.T) {
	conf, rules := parseResolvConf([]byte("# x\nsearch a.example b.example\nnameserver 192.0.2.1\nnameserver ::1\noptions ndots:2 edns0\n"))
	if len(conf.Servers) != 2 || conf.Servers[1].String() != "[::1]:53" {
		t.Errorf("servers %v", conf.Servers)
	}
	for name, want := range map[string][]string{
		"h":     {"h.a.example", "h.b.example", "h"},
		"h.i.j": {"h.i.j", "h.i.j.a.example", "h.i.j.b.example"},
	} {
		got := rules.complete(name)
		if len(got) != len(want) {
			t.Fatalf("%s: %v", name, got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
	}
	if addrs := parseHosts([]byte("127.0.0.1 a b # c\n::1\tA.\n"), "a"); len(addrs) != 2 {
		t.Errorf("hosts: %v", addrs)
	}
}
