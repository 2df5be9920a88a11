package ssi

import (
	"strconv"
	"time"

	"tandem/web"
)

const defaultTimeFmt = "%A, %d-%b-%Y %H:%M:%S %Z"

// dateVariable is $date_local or $date_gmt in the format of the config
// command.
func dateVariable(now func() time.Time) web.Getter {
	return func(r *web.Request, dst []byte) ([]byte, bool) {
		format := defaultTimeFmt
		if p := pages.Of(&r.Main.Session); p != nil {
			format = p.timeFmt
		}
		if format == "%s" {
			return strconv.AppendInt(dst, now().Unix(), 10), true
		}
		return appendTime(dst, format, now()), true
	}
}

// layouts are the conversions of strftime(3) that Go's time package has.
var layouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006",
	'd': "02", 'e': "_2", 'D': "01/02/06", 'F': "2006-01-02", 'H': "15", 'I': "03", 'j': "002", 'm': "01", 'M': "04",
	'p': "PM", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05",
	'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST",
}

// appendTime appends t as strftime(3) would.
func appendTime(dst []byte, format string, t time.Time) []byte {
	if _, offset := t.Zone(); offset == 0 && t.Location() == time.UTC {
		t = t.In(gmt)
	}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			dst = append(dst, format[i])
			continue
		}
		i++
		switch c := format[i]; {
		case layouts[c] != "":
			dst = t.AppendFormat(dst, layouts[c])
		case c == 's':
			dst = strconv.AppendInt(dst, t.Unix(), 10)
		case c == 'n':
			dst = append(dst, '\n')
		case c == 't':
			dst = append(dst, '\t')
		case c == '%':
			dst = append(dst, '%')
		case c == 'u':
			dst = strconv.AppendInt(dst, int64((t.Weekday()+6)%7+1), 10)
		case c == 'w':
			dst = strconv.AppendInt(dst, int64(t.Weekday()), 10)
		default:
			dst = append(dst, '%', c)
		}
	}
	return dst
}

// gmt is UTC by the name that nginx prints.
var gmt = time.FixedZone("GMT", 0)
