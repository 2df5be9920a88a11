package h2

import "golang.org/x/net/http2/hpack"

// staticEntries is the number of entries of the static table (RFC 7541
// appendix A).
const staticEntries = 61

var staticTable = [staticEntries]hpack.HeaderField{
	{Name: ":authority"}, {Name: ":method", Value: "GET"}, {Name: ":method", Value: "POST"}, {Name: ":path", Value: "/"},
	{Name: ":path", Value: "/index.html"}, {Name: ":scheme", Value: "http"}, {Name: ":scheme", Value: "https"},
	{Name: ":status", Value: "200"}, {Name: ":status", Value: "204"}, {Name: ":status", Value: "206"}, {Name: ":status", Value: "304"},
	{Name: ":status", Value: "400"}, {Name: ":status", Value: "404"}, {Name: ":status", Value: "500"}, {Name: "accept-charset"},
	{Name: "accept-encoding", Value: "gzip, deflate"}, {Name: "accept-language"}, {Name: "accept-ranges"}, {Name: "accept"},
	{Name: "access-control-allow-origin"}, {Name: "age"}, {Name: "allow"}, {Name: "authorization"}, {Name: "cache-control"},
	{Name: "content-disposition"}, {Name: "content-encoding"}, {Name: "content-language"}, {Name: "content-length"},
	{Name: "content-location"}, {Name: "content-range"}, {Name: "content-type"}, {Name: "cookie"}, {Name: "date"}, {Name: "etag"},
	{Name: "expect"}, {Name: "expires"}, {Name: "from"}, {Name: "host"}, {Name: "if-match"}, {Name: "if-modified-since"},
	{Name: "if-none-match"}, {Name: "if-range"}, {Name: "if-unmodified-since"}, {Name: "last-modified"}, {Name: "link"}, {Name: "location"},
	{Name: "max-forwards"}, {Name: "proxy-authenticate"}, {Name: "proxy-authorization"}, {Name: "range"}, {Name: "referer"},
	{Name: "refresh"}, {Name: "retry-after"}, {Name: "server"}, {Name: "set-cookie"}, {Name: "strict-transport-security"},
	{Name: "transfer-encoding"}, {Name: "user-agent"}, {Name: "vary"}, {Name: "via"}, {Name: "www-authenticate"},
}

// staticNames are the first entries of each name.
var staticNames = func() map[string]uint64 {
	names := make(map[string]uint64, staticEntries)
	for i, f := range staticTable {
		if names[f.Name] == 0 {
			names[f.Name] = uint64(i + 1)
		}
	}
	return names
}()

// staticIndex looks a field up in the static table: the index of its name, 0 for
// none, or, if known, of name and value.
func staticIndex(name, value string) (index uint64, known bool) {
	index = staticNames[name]
	switch index {
	case 2:
		switch value {
		case "GET":
			return 2, true
		case "POST":
			return 3, true
		}
	case 4:
		switch value {
		case "/":
			return 4, true
		case "/index.html":
			return 5, true
		}
	case 6:
		switch value {
		case "http":
			return 6, true
		case "https":
			return 7, true
		}
	case 16:
		return index, value == "gzip, deflate"
	case 0:
	default:
		return index, value == ""
	}
	return index, false
}
