package keepalivedconf

import (
	"fmt"

	"tandem/keepalivedconf/text"
)

// unsupported says once that tandem does not have a part of keepalived yet.
func (b *builder) unsupported(s *Statement, what string) {
	if b.once[what] {
		return
	}
	b.once[what] = true
	b.add(Report{Kind: text.KindUnsupported, Pos: s.Pos, Text: fmt.Sprintf("\"%s\" is a keyword of keepalived that tandem does not support yet - ignoring", what)})
}

// foreign is a block that is checked for unknown keywords and otherwise left alone.
type foreign struct{}

// addUnsupported keeps the statement, reports it, and checks its keywords.
func addUnsupported(known *rows[foreign]) func(*builder, *Config, *Statement) {
	return func(b *builder, c *Config, s *Statement) {
		b.unsupported(s, s.Name())
		c.Unsupported = append(c.Unsupported, s)
		known.walk(b, &foreign{}, s.Body, nil)
	}
}

// names makes rows of keywords without blocks.
func names(list ...string) []row[foreign] {
	out := make([]row[foreign], len(list))
	for i, name := range list {
		out[i] = row[foreign]{name: name}
	}
	return out
}

// scripted makes rows of keywords that take a script.
func scripted(list ...string) []row[foreign] {
	out := names(list...)
	for i := range out {
		out[i].quoted = true
	}
	return out
}

// block makes the row of a keyword with a block of its own.
func block(name string, in *rows[foreign]) row[foreign] {
	return row[foreign]{name: name, block: text.Keywords, sub: in, set: func(b *builder, f *foreign, s *Statement) {
		in.walk(b, f, s.Body, nil)
	}}
}

// joined joins rows into a keyword table.
func joined(lists ...[]row[foreign]) *rows[foreign] {
	var all []row[foreign]
	for _, l := range lists {
		all = append(all, l...)
	}
	return newRows(all...)
}

// The keywords of IPVS and its checkers, of SSL, and of BFD.
var (
	checkerNames = names("connect_ip", "connect_port", "bindto", "bind_port", "bind_if", "connect_timeout", "fwmark",
		"retry", "delay_before_retry", "warmup", "delay_loop", "alpha", "log_all_failures")

	urlRows = joined(names("path", "digest", "status_code", "virtualhost", "regex", "regex_no_match", "regex_options",
		"regex_min_offset", "regex_max_offset", "regex_stack", "tls_compliant"))
	httpRows = joined(checkerNames, names("nb_get_retry", "virtualhost", "http_protocol", "enable_sni", "sni_name",
		"fast_recovery", "tls_compliant"), []row[foreign]{block("url", urlRows)})
	smtpRows = joined(checkerNames, names("helo_name"), []row[foreign]{block("host", joined(checkerNames[:7]))})
	udpRows  = joined(checkerNames, names("payload", "require_reply", "min_reply_length", "max_reply_length"))
	miscRows = joined(checkerNames, names("misc_timeout", "misc_dynamic", "user"), scripted("misc_path"))

	checkers = []row[foreign]{
		block("HTTP_GET", httpRows),
		block("SSL_GET", httpRows),
		block("TCP_CHECK", joined(checkerNames)),
		block("SMTP_CHECK", smtpRows),
		block("DNS_CHECK", joined(checkerNames, names("type", "name"))),
		block("MISC_CHECK", miscRows),
		block("PING_CHECK", joined(checkerNames)),
		block("UDP_CHECK", udpRows),
		block("BFD_CHECK", joined(names("name", "alpha"))),
		block("FILE_CHECK", joined(names("track_file", "weight"))),
	}

	realServerRows = joined(names("weight", "lvs_method", "uthreshold", "lthreshold", "inhibit_on_failure", "alpha",
		"retry", "delay_before_retry", "warmup", "connect_timeout", "delay_loop", "smtp_alert", "virtualhost",
		"snmp_name"), scripted("notify_up", "notify_down"), checkers)

	virtualServerRows = joined(names("ip_family", "retry", "delay_before_retry", "warmup", "connect_timeout",
		"delay_loop", "inhibit_on_failure", "lb_algo", "lvs_sched", "hashed", "ops", "flag-1", "flag-2", "flag-3",
		"sh-port", "sh-fallback", "mh-port", "mh-fallback", "lb_kind", "lvs_method", "persistence_engine",
		"persistence_timeout", "persistence_granularity", "protocol", "ha_suspend", "smtp_alert", "virtualhost",
		"snmp_name", "alpha", "omega", "quorum", "hysteresis", "weight", "sorry_server", "sorry_server_inhibit",
		"sorry_server_lvs_method"), scripted("quorum_up", "quorum_down"),
		[]row[foreign]{block("real_server", realServerRows)})

	sslRows = joined(names("password", "ca", "certificate", "key"))

	bfdRows = joined(names("source_ip", "neighbor_ip", "neighbour_ip", "min_rx", "min_tx", "idle_tx", "multiplier",
		"passive", "ttl", "hoplimit", "max_hops", "multihop", "weight", "vrrp", "checker"))
)
