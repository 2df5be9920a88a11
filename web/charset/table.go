package charset

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	nc "tandem/nginxconf"
	"tandem/web"
)

// table is one charset_map: two sets and how they become each other.
type table struct {
	from, to      []byte
	forward, back *conversion
}

// conversion is one direction of a table: one of its fields is set.
type conversion struct {
	bytes    *[256]byte       // byte by byte
	toUTF8   *[256]string     // byte to UTF-8
	fromUTF8 *[256]*[256]byte // UTF-16 to byte, 0 for none, by the upper and lower eight bits
}

// changesLength reports whether a response does not keep its length.
func (c *conversion) changesLength() bool { return c.bytes == nil }

const utf8Name = "utf-8"

// unmapped stands for characters that the map leaves out.
const unmapped = '?'

// maxUTF8 is how many bytes a character may have in a map: the ones that UTF-16
// holds in one unit.
const maxUTF8 = 4

// readMap reads charset_map from to { ... }.
func readMap(s *nc.Scope, d *nc.Directive) error {
	sets := mainConf.Of(&web.BlockOf(s).HTTP.Realm)
	t := &table{from: sets.add(d.Args[0]), to: sets.add(d.Args[1])}
	switch {
	case strings.EqualFold(d.Args[0], d.Args[1]):
		return fmt.Errorf("\"charset_map\" between the same charsets \"%s\" and \"%s\"", d.Args[0], d.Args[1])
	case strings.EqualFold(d.Args[0], utf8Name):
		return errors.New("\"charset_map\" with \"utf-8\" charset should be given in the second column")
	case sets.conversion(t.from, t.to) != nil:
		return fmt.Errorf("duplicate \"charset_map\" between \"%s\" and \"%s\"", d.Args[0], d.Args[1])
	}
	add := t.addByte
	if strings.EqualFold(d.Args[1], utf8Name) {
		t.forward, t.back = &conversion{toUTF8: new([256]string)}, &conversion{fromUTF8: new([256]*[256]byte)}
		t.back.fromUTF8[0] = new([256]byte)
		add = t.addUTF8
	} else {
		t.forward, t.back = &conversion{bytes: new([256]byte)}, &conversion{bytes: new([256]byte)}
	}
	t.fill()
	sets.maps = append(sets.maps, t)
	for _, e := range d.Block {
		if e.IsBlock || len(e.Args) != 1 {
			s.Errorf(e, "invalid parameters number")
			continue
		}
		from, ok := hexByte(e.Name)
		if !ok {
			s.Errorf(e, "invalid value \"%s\"", e.Name)
			continue
		}
		if !add(from, e.Args[0]) {
			s.Errorf(e, "invalid value \"%s\"", e.Args[0])
		}
	}
	return nil
}

// fill makes ASCII stand for itself, and everything else unmapped.
func (t *table) fill() {
	for i := range 256 {
		c := byte(unmapped)
		if i < 128 {
			c = byte(i)
		}
		if t.forward.bytes != nil {
			t.forward.bytes[i], t.back.bytes[i] = c, c
			continue
		}
		t.forward.toUTF8[i] = string(rune(c))
		if i < 128 {
			t.back.fromUTF8[0][i] = c
		}
	}
}

func hexByte(text string) (byte, bool) {
	n, err := strconv.ParseUint(text, 16, 32)
	return byte(n), err == nil && n <= 255
}

func (t *table) addByte(from byte, text string) bool {
	to, ok := hexByte(text)
	if ok {
		t.forward.bytes[from], t.back.bytes[to] = to, from
	}
	return ok
}

// addUTF8 adds a line whose second column is UTF-8 in hexadecimal: D0B0.
func (t *table) addUTF8(from byte, text string) bool {
	if len(text)/2 > maxUTF8-1 {
		return false
	}
	var encoded []byte
	for ; text != ""; text = text[min(2, len(text)):] {
		c, ok := hexByte(text[:min(2, len(text))])
		if !ok {
			return false
		}
		encoded = append(encoded, c)
	}
	if len(encoded) == 0 {
		return false
	}
	n, size := uint32(encoded[0]), 1
	if n >= 0x80 {
		n, size = decode(encoded)
	}
	if n > 0xffff || size != len(encoded) {
		return false
	}
	t.forward.toUTF8[from] = string(encoded)
	page := &t.back.fromUTF8[n>>8]
	if *page == nil {
		*page = new([256]byte)
	}
	(*page)[n&0xff] = from
	return true
}
