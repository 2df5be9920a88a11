package http2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"tandem/internal/errorlog"
	"tandem/proxy/exchange"
	"tandem/session"
	"tandem/web"
	"tandem/web/message"
)

// bareExchange returns an exchange whose request has no client and whose log is
// silent.
func bareExchange() *exchange.Exchange {
	x := &exchange.Exchange{Settings: new(exchange.Settings)}
	h := &web.HTTP{Realm: session.Realm{Log: errorlog.New()}}
	x.Request = &web.Request{Head: new(message.Head), Server: &web.Server{HTTP: h}}
	x.Request.Main = x.Request
	x.Head.Reset()
	return x
}

// fieldsOf makes fields of lines "name= value".
func fieldsOf(text string) (list []hpack.HeaderField) {
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(line, "= ")
		list = append(list, hpack.HeaderField{Name: name, Value: value})
	}
	return list
}

// What a head says of the body, and how much of it comes.
func TestBodyLength(t *testing.T) {
	for _, c := range []struct {
		head     string
		bodiless bool
		pieces   []string
		ends     string // what is wrong with the end
	}{
		{":status= 200", false, []string{"a", "b"}, "<nil>"},
		{":status= 200\ncontent-length= 2", false, []string{"a", "b"}, "<nil>"},
		{":status= 200\ncontent-length= 3", false, []string{"a", "b"}, "upstream prematurely closed stream"},
		{":status= 200\ncontent-length= 1", false, []string{"a", "b"}, "upstream sent response body larger than indicated content length"},
		{":status= 200\ncontent-length= 1", true, nil, "<nil>"},
		{":status= 200\ncontent-length= 1", true, []string{"a"}, "upstream sent response body larger than indicated content length"},
		{":status= 304\ncontent-length= 1", false, nil, "<nil>"},
		{":status= 204", false, []string{"a"}, "upstream sent response body larger than indicated content length"},
		{":status= 200\ncontent-length= 1\ncontent-length= 1", false, nil, `upstream sent duplicate header line: "content-length: 1", previous value: "content-length: 1"`},
		{":status= 200\ncontent-length= x", false, nil, `upstream sent invalid "Content-Length" header: "content-length: x"`},
	} {
		x, p := bareExchange(), new(Response)
		err := p.TakeHead(x, fieldsOf(c.head), c.bodiless)
		for _, piece := range c.pieces {
			if err != nil {
				break
			}
			var data []byte
			if data, _, err = p.ParseBody(x, []byte(piece)); err == nil && string(data) != piece {
				t.Errorf("%q became %q", piece, data)
			}
		}
		if err == nil {
			err = p.EndBody()
		}
		if fmt.Sprint(err) != c.ends {
			t.Errorf("%q, %q: %v, want %s", c.head, c.pieces, err, c.ends)
		}
	}
}

// The end is looked at with the last piece, if it comes with it.
func TestLastPiece(t *testing.T) {
	x, p := bareExchange(), new(Response)
	if err := p.TakeHead(x, fieldsOf(":status= 200\ncontent-length= 2"), false); err != nil {
		t.Fatal(err)
	}
	x.Done = true
	if _, _, err := p.ParseBody(x, []byte("a")); err != exchange.ErrCut {
		t.Error(err)
	}
}

// An early hint is a head of its own, in which every field is taken as it is.
func TestEarlyHint(t *testing.T) {
	x, p := bareExchange(), new(Response)
	if err := p.TakeHead(x, fieldsOf(":status= 103\nlink= a\ncontent-length= x"), false); err != nil || x.Head.Status != 103 || len(x.Head.Fields) != 2 {
		t.Errorf("%v, %d, %q", err, x.Head.Status, x.Head.Fields)
	}
	x.Head.Reset()
	if err := p.TakeHead(x, fieldsOf(":status= 200"), false); err != nil || x.Head.Status != 200 || len(x.Head.Fields) != 0 {
		t.Errorf("%v, %d, %q", err, x.Head.Status, x.Head.Fields)
	}
}

// What is kept of a head is text that reads like HTTP/1's.
func TestAppendKept(t *testing.T) {
	x, p := bareExchange(), new(Response)
	if err := p.TakeHead(x, fieldsOf(":status= 404\na= b\nconnection= close\netag= c"), false); err != nil {
		t.Fatal(err)
	}
	if got := string(AppendKept(nil, &x.Head)); got != "HTTP/1.1 404\r\na: b\r\netag: c\r\n\r\n" {
		t.Errorf("%q", got)
	}
}

// Whatever fields a head has, what is taken of them can stand in a line of HTTP/1.
func FuzzTakeHead(f *testing.F) {
	f.Add(":status= 200\ncontent-type= text/html\nset-cookie= a")
	f.Add(":status= 103\nlink= x")
	f.Add(":status= 200\ntransfer-encoding= chunked\ncontent-length= 5")
	f.Add("a= b\n:status= 200")
	f.Fuzz(func(t *testing.T, text string) {
		x, p := bareExchange(), new(Response)
		if p.TakeHead(x, fieldsOf(text), false) != nil {
			return
		}
		if s := x.Head.Status; s != 103 && (s < 200 || s > 999) {
			t.Errorf("%q: status %d", text, s)
		}
		if TakeTrailers(x, fieldsOf(text)) == nil {
			t.Errorf("%q was taken for trailers, too", text)
		}
		for _, field := range append(x.Head.Fields, x.Head.Trailers...) {
			if len(field.Name) == 0 || bytes.ContainsAny(field.Name, ": \r\n\x00") || bytes.ContainsAny(field.Value, "\r\n\x00") {
				t.Errorf("%q: %q: %q", text, field.Name, field.Value)
			}
		}
	})
}
