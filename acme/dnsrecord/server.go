package dnsrecord

import (
	"context"
	"net"
	"strings"

	"github.com/miekg/dns"
)

// Serve answers questions for TXT records with what find has of a name (lower case,
// without a final dot; nil: there is no such name), until the context ends. Zones
// delegate the names to it that authorities look at. It closes the socket.
func Serve(ctx context.Context, socket net.PacketConn, ttl uint32, find func(name string) []string) error {
	server := &dns.Server{PacketConn: socket, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		_ = w.WriteMsg(reply(m, ttl, find))
	})}
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	defer stop()
	err := server.ActivateAndServe()
	_ = socket.Close()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// reply answers a message.
func reply(m *dns.Msg, ttl uint32, find func(string) []string) *dns.Msg {
	answer := new(dns.Msg).SetReply(m)
	if m.Opcode != dns.OpcodeQuery || len(m.Question) != 1 || m.Question[0].Qclass != dns.ClassINET {
		answer.Rcode = dns.RcodeNotImplemented
		return answer
	}
	q := m.Question[0]
	answer.Authoritative = true
	values := find(strings.ToLower(strings.TrimSuffix(q.Name, ".")))
	if values == nil {
		answer.Rcode = dns.RcodeNameError
		return answer
	}
	if q.Qtype != dns.TypeTXT {
		return answer // there is the name, and nothing of the kind
	}
	for _, value := range values {
		answer.Answer = append(answer.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: ttl}, Txt: []string{value}})
	}
	return answer
}
