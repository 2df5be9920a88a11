package pki

import (
	_ "embed"
	"encoding/asn1"
	"fmt"
	"strings"
	"unicode/utf8"
)

//go:embed attributes.txt
var attributeTable string

// attributeNames are OpenSSL's short names of attribute types, by identifier.
var attributeNames = readAttributes(attributeTable)

func readAttributes(table string) map[string]string {
	names := make(map[string]string)
	for line := range strings.Lines(table) {
		if oid, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && oid != "#" {
			names[oid] = name
		}
	}
	return names
}

// attribute is one part of a distinguished name.
type attribute struct {
	kind  string // short name, or the identifier of a type without one
	known bool
	value asn1.RawValue
	joins bool // it belongs to the same RDN as the one before
}

// attributes takes a name apart (RFC 5280 section 4.1.2.4), as far as it can be
// understood.
func attributes(der []byte) (out []attribute) {
	var sets []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &sets); err != nil {
		return nil
	}
	for _, set := range sets {
		for i, rest := 0, set.Bytes; len(rest) > 0; i++ {
			var pair struct {
				Type  asn1.ObjectIdentifier
				Value asn1.RawValue
			}
			var err error
			if rest, err = asn1.Unmarshal(rest, &pair); err != nil {
				return out
			}
			a := attribute{kind: pair.Type.String(), value: pair.Value, joins: i > 0}
			if name, ok := attributeNames[a.kind]; ok {
				a.kind, a.known = name, true
			}
			out = append(out, a)
		}
	}
	return out
}

// The string types by their tags, with how many bytes a character has.
const (
	tagUTF8      = 12
	tagNumeric   = 18
	tagPrintable = 19
	tagT61       = 20
	tagIA5       = 22
	tagUTCTime   = 23
	tagTime      = 24
	tagVisible   = 26
	tagGeneral   = 27
	tagUniversal = 28
	tagBMP       = 30
)

// NameRFC2253 writes a name, given in DER, as OpenSSL does with XN_FLAG_RFC2253:
// the last part first.
func NameRFC2253(der []byte) string {
	parts := attributes(der)
	var out strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		a := &parts[i]
		if i < len(parts)-1 {
			if parts[i+1].joins {
				out.WriteByte('+')
			} else {
				out.WriteByte(',')
			}
		}
		out.WriteString(a.kind + "=")
		a.writeRFC2253(&out)
	}
	return out.String()
}

// writeRFC2253 writes a value: a string with what is special escaped, anything
// else as its DER (RFC 2253 section 2.4).
func (a *attribute) writeRFC2253(out *strings.Builder) {
	text, ok := a.text()
	if !ok || !a.known {
		fmt.Fprintf(out, "#%X", a.value.FullBytes)
		return
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(out, "\\%02X", c)
		case strings.IndexByte("\\,+\"<>;", c) >= 0,
			c == ' ' && (i == 0 || i == len(text)-1),
			c == '#' && i == 0 && len(text) > 1:
			out.WriteString("\\" + string(c))
		default:
			out.WriteByte(c)
		}
	}
}

// text is a string in UTF-8; not ok for what is no string.
func (a *attribute) text() (s string, ok bool) {
	b := a.value.Bytes
	if a.value.Class != asn1.ClassUniversal {
		return "", false
	}
	width := 1
	switch a.value.Tag {
	case tagUTF8:
		return string(b), true
	case tagNumeric, tagPrintable, tagT61, tagIA5, tagUTCTime, tagTime, tagVisible:
	case tagBMP:
		width = 2
	case tagUniversal:
		width = 4
	default:
		return "", false
	}
	var out []byte
	for ; len(b) >= width; b = b[width:] {
		c := rune(0)
		for _, x := range b[:width] {
			c = c<<8 | rune(x)
		}
		out = utf8.AppendRune(out, c)
	}
	return string(out), true
}

// NameOneLine writes a name, given in DER, as X509_NAME_oneline does: the first
// part first, bytes as they are.
func NameOneLine(der []byte) string {
	var out strings.Builder
	for _, a := range attributes(der) {
		if a.joins {
			out.WriteByte('+')
		} else {
			out.WriteByte('/')
		}
		out.WriteString(a.kind + "=")
		b := a.value.Bytes
		if a.value.Tag == asn1.TagBitString && len(b) > 0 {
			b = b[1:] // without the number of unused bits
		}
		latin := a.value.Tag == tagGeneral && len(b)%4 == 0
		for i := range b {
			latin = latin && (i%4 == 3 || b[i] == 0)
		}
		for i, c := range b {
			switch {
			case latin && i%4 != 3:
			case c < ' ' || c > '~':
				fmt.Fprintf(&out, "\\x%02X", c)
			case c == '/' || c == '+':
				out.WriteString("\\" + string(c))
			default:
				out.WriteByte(c)
			}
		}
	}
	return out.String()
}
