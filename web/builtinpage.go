package web

import (
	"tandem/internal/escape"
	"tandem/internal/version"
)

// Build is what server_tokens build adds.
const Build = "tandem"

var serverTokens = [...]string{
	TokensOff:   "nginx",
	TokensOn:    "nginx/" + version.Nginx,
	TokensBuild: "nginx/" + version.Nginx + " (" + Build + ")",
}

var errorTails = [...]string{
	TokensOff:   "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
	TokensOn:    "<hr><center>nginx/" + version.Nginx + "</center>\r\n</body>\r\n</html>\r\n",
	TokensBuild: "<hr><center>nginx/" + version.Nginx + " (" + Build + ")</center>\r\n</body>\r\n</html>\r\n",
}

var textHTML = []byte("text/html")

// msiePadding makes an error page long enough for browsers that show their
// own in place of a short one.
var msiePadding = repeat("<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n", 6)

func repeat(s string, n int) string {
	out := ""
	for range n {
		out += s
	}
	return out
}

// pageTitles are the statuses that have a page.
var pageTitles = map[Code]string{
	301: "301 Moved Permanently",
	302: "302 Found",
	303: "303 See Other",
	307: "307 Temporary Redirect",
	308: "308 Permanent Redirect",
	400: "400 Bad Request",
	401: "401 Authorization Required",
	402: "402 Payment Required",
	403: "403 Forbidden",
	404: "404 Not Found",
	405: "405 Not Allowed",
	406: "406 Not Acceptable",
	407: "407 Proxy Authentication Required",
	408: "408 Request Time-out",
	409: "409 Conflict",
	410: "410 Gone",
	411: "411 Length Required",
	412: "412 Precondition Failed",
	413: "413 Request Entity Too Large",
	414: "414 Request-URI Too Large",
	415: "415 Unsupported Media Type",
	416: "416 Requested Range Not Satisfiable",
	421: "421 Misdirected Request",
	425: "425 Too Early",
	429: "429 Too Many Requests",
	500: "500 Internal Server Error",
	501: "501 Not Implemented",
	502: "502 Bad Gateway",
	503: "503 Service Temporarily Unavailable",
	504: "504 Gateway Time-out",
	505: "505 HTTP Version Not Supported",
	507: "507 Insufficient Storage",
}

// subtitles are what the pages of nginx's own statuses say below the title.
var subtitles = map[Code]struct{ title, heading, text string }{
	StatusRequestHeaderTooLarge: {"400 Request Header Or Cookie Too Large", "400 Bad Request", "Request Header Or Cookie Too Large"},
	StatusCertError:             {"400 The SSL certificate error", "400 Bad Request", "The SSL certificate error"},
	StatusNoCert:                {"400 No required SSL certificate was sent", "400 Bad Request", "No required SSL certificate was sent"},
	StatusToHTTPS:               {"400 The plain HTTP request was sent to HTTPS port", "400 Bad Request", "The plain HTTP request was sent to HTTPS port"},
}

var builtinPages = makeBuiltinPages()

func makeBuiltinPages() map[Code]string {
	pages := make(map[Code]string)
	for code, title := range pageTitles {
		pages[code] = "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n" +
			"<center><h1>" + title + "</h1></center>\r\n"
	}
	for code, s := range subtitles {
		pages[code] = "<html>\r\n<head><title>" + s.title + "</title></head>\r\n<body>\r\n" +
			"<center><h1>" + s.heading + "</h1></center>\r\n<center>" + s.text + "</center>\r\n"
	}
	return pages
}

// builtinPage returns the page for a status without its tail; "" where nginx
// sends no body.
func builtinPage(code Code) string { return builtinPages[code] }

// sendRefresh answers a redirect with a page that refreshes, for msie_refresh.
func (r *Request) sendRefresh() Code {
	location := r.Response.Location
	r.Response.Location = nil
	page := append(r.Scratch(), "<html><head><meta http-equiv=\"Refresh\" content=\"0; URL="...)
	page = escape.AppendURI(page, location, escape.HTML)
	page = append(page, "\"></head><body></body></html>\r\n"...)
	defer r.Unscratch(page)
	r.ErrStatus = 200
	r.Response.ContentType = textHTML
	r.Response.ContentLength = int64(len(page))
	r.ClearAcceptRanges()
	r.Response.LastModified = -1
	r.Response.SetETag(nil)
	if code := r.SendHeader(); code != OK || r.HeaderOnly {
		return code
	}
	return r.SendBody(Chunk{Data: page, Last: true})
}
