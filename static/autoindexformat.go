package static

import (
	"strconv"
	"time"
	"unicode/utf8"

	"tandem/internal/escape"
	"tandem/web/message"
)

// listNameWidth is the width of the column of names, in characters.
const listNameWidth = 50

// appendHTML appends the list as a page, byte for byte as nginx writes it.
// isUTF8 says that the page is sent as UTF-8, so that characters are counted
// rather than bytes.
func appendHTML(b []byte, files []listed, path []byte, c *autoIndexSettings, isUTF8 bool) []byte {
	title := escape.AppendHTML(nil, path)
	b = append(append(append(b, "<html>\r\n<head><title>Index of "...), title...), "</title></head>\r\n"...)
	b = append(append(append(b, "<body>\r\n<h1>Index of "...), title...), "</h1><hr><pre><a href=\"../\">../</a>\r\n"...)
	zone := 0
	if c.localTime.V {
		_, zone = time.Now().Zone()
	}
	for i := range files {
		f := &files[i]
		b = append(b, "<a href=\""...)
		b = escape.AppendURI(b, f.name, escape.Component)
		if f.isDir {
			b = append(b, '/')
		}
		b = append(b, "\">"...)
		b = f.appendName(b, isUTF8)
		b = time.Unix(f.modified+int64(zone), 0).UTC().AppendFormat(append(b, ' '), "02-Jan-2006 15:04 ")
		b = f.appendSize(b, c.exactSize.V)
		b = append(b, "\r\n"...)
	}
	return append(b, "</pre><hr></body>\r\n</html>\r\n"...)
}

// appendName appends the name, cut or filled to the width of its column.
func (l *listed) appendName(b []byte, isUTF8 bool) []byte {
	width := len(l.name)
	if isUTF8 && utf8.Valid(l.name) {
		width = utf8.RuneCount(l.name)
	}
	if width > listNameWidth {
		shown := listNameWidth - len("..>")
		end := shown
		if width != len(l.name) {
			end = 0
			for range shown {
				_, n := utf8.DecodeRune(l.name[end:])
				end += n
			}
		}
		b = escape.AppendHTML(b, l.name[:end])
		return append(b, "..&gt;</a>"...)
	}
	b = escape.AppendHTML(b, l.name)
	if l.isDir && width < listNameWidth {
		b = append(b, '/')
		width++
	}
	return pad(append(b, "</a>"...), listNameWidth-width)
}

func pad(b []byte, n int) []byte {
	for range n {
		b = append(b, ' ')
	}
	return b
}

// appendRight appends text at the right edge of a column.
func appendRight(b []byte, text string, width int) []byte {
	return append(pad(b, max(width-len(text), 0)), text...)
}

// appendSize appends the size in bytes, or rounded to K, M or G.
func (l *listed) appendSize(b []byte, exact bool) []byte {
	width := 7
	if exact {
		width = 19
	}
	if l.isDir {
		return appendRight(b, "-", width)
	}
	if exact {
		return appendRight(b, strconv.FormatInt(l.size, 10), width)
	}
	for _, unit := range []struct {
		from, size int64
		name       byte
	}{{1 << 30, 1 << 30, 'G'}, {1 << 20, 1 << 20, 'M'}, {10000, 1 << 10, 'K'}} {
		if l.size < unit.from {
			continue
		}
		n := l.size / unit.size
		if l.size%unit.size >= unit.size/2 {
			n++
		}
		return append(appendRight(b, strconv.FormatInt(n, 10), width-1), unit.name)
	}
	return appendRight(b, strconv.FormatInt(l.size, 10), width)
}

// appendJSON appends the list as JSON.
func appendJSON(b []byte, files []listed) []byte {
	b = append(b, '[')
	for i := range files {
		f := &files[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = escape.AppendJSON(append(b, "\r\n{ \"name\":\""...), f.name)
		b = append(append(b, "\", \"type\":\""...), f.kind()...)
		b = message.AppendDate(append(b, "\", \"mtime\":\""...), f.modified)
		b = append(b, '"')
		if f.isFile {
			b = strconv.AppendInt(append(b, ", \"size\":"...), f.size, 10)
		}
		b = append(b, " }"...)
	}
	return append(b, "\r\n]"...)
}

// appendXML appends the list as XML.
func appendXML(b []byte, files []listed) []byte {
	b = append(b, "<?xml version=\"1.0\"?>\r\n<list>\r\n"...)
	for i := range files {
		f := &files[i]
		b = append(append(append(b, '<'), f.kind()...), " mtime=\""...)
		b = time.Unix(f.modified, 0).UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
		if f.isFile {
			b = strconv.AppendInt(append(b, "\" size=\""...), f.size, 10)
		}
		b = escape.AppendHTML(append(b, "\">"...), f.name)
		b = append(append(append(b, "</"...), f.kind()...), ">\r\n"...)
	}
	return append(b, "</list>\r\n"...)
}
