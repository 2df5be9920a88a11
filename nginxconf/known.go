package nginxconf

import (
	"slices"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// owner says to whom a directive belongs that tandem does not have.
type owner struct {
	kind ownerKind
	name string // in messages: the product, the module, or the last version of nginx
}

type ownerKind int

const (
	ownedByNobody   ownerKind = iota
	ownedByNginx              // nginx has it in this context
	ownedElsewhere            // nginx has it, but not in this context
	ownedByOldNginx           // nginx once had it
	ownedByPlus               // nginx Plus has it in this context
	ownedByModule             // a module that nginx does not ship has it
)

// ownerOf finds the owner of a directive by its name, and for nginx and nginx
// Plus by the context: the latter has many a word that is common elsewhere.
func ownerOf(name string, ctx Context) owner {
	masks, ofNginx := crossplane.MatchOssLatest(name)
	plusMasks, _ := crossplane.MatchNginxPlusLatest(name)
	_, once := crossplane.MatchOss124(name)
	switch {
	case allowedIn(masks, ctx) || untabled(name):
		return owner{ownedByNginx, "nginx"}
	case ofNginx:
		return owner{kind: ownedElsewhere}
	case once:
		return owner{ownedByOldNginx, "1.24"}
	case allowedIn(plusMasks, ctx):
		return owner{ownedByPlus, "nginx Plus"}
	}
	for _, m := range tabledModules {
		if _, ok := m.match(name); ok {
			return owner{ownedByModule, m.name}
		}
	}
	for _, m := range moduleNames {
		for _, pattern := range m.directives {
			prefix, open := strings.CutSuffix(pattern, "*")
			if name == pattern || open && strings.HasPrefix(name, prefix) {
				return owner{ownedByModule, m.name}
			}
		}
	}
	if isLuaBlock(name) || strings.HasSuffix(name, "_by_lua") || strings.HasSuffix(name, "_by_lua_file") {
		return owner{ownedByModule, "lua"}
	}
	return owner{}
}

// contextMasks are crossplane's bits for the contexts; it does not export them.
var contextMasks = map[Context]uint{
	Main:           0x40000,
	Events:         0x80000,
	Mail:           0x100000,
	MailServer:     0x200000,
	Stream:         0x400000,
	StreamServer:   0x800000,
	StreamUpstream: 0x1000000,
	HTTP:           0x2000000,
	Server:         0x4000000,
	Location:       0x8000000,
	Upstream:       0x10000000,
	ServerIf:       0x20000000,
	LocationIf:     0x40000000,
	LimitExcept:    0x80000000,
}

// allowedIn reports whether crossplane's masks of a directive allow it in ctx.
func allowedIn(masks []uint, ctx Context) bool {
	bit := contextMasks[ctx]
	return slices.ContainsFunc(masks, func(mask uint) bool { return mask&bit != 0 })
}

// tabledModules are the modules from elsewhere that crossplane has tables of.
var tabledModules = []struct {
	name  string
	match crossplane.MatchFunc
}{
	{"lua", crossplane.MatchLuaLatest},
	{"headers-more", crossplane.MatchHeadersMoreLatest},
	{"njs", crossplane.MatchNjsLatest},
	{"otel", crossplane.MatchOtelLatest},
	{"geoip2", crossplane.MatchGeoip2Latest},
	{"App Protect", crossplane.MatchAppProtectWAFv5},
}

// moduleNames are further modules that configurations use, with directives
// that tell them; a "*" at the end stands for any further bytes.
var moduleNames = []struct {
	name       string
	directives []string
}{
	{"array-var", []string{"array_*"}},
	{"auth-gss", []string{"auth_gss*"}},
	{"auth-ldap", []string{"auth_ldap*", "ldap_server"}},
	{"auth-pam", []string{"auth_pam*"}},
	{"brotli", []string{"brotli*"}},
	{"concat", []string{"concat", "concat_*"}},
	{"datadog", []string{"datadog_*"}},
	{"dav-ext", []string{"dav_ext_*"}},
	{"dynamic TLS records", []string{"ssl_dyn_rec_*"}},
	{"echo", []string{"echo", "echo_*"}},
	{"encrypted-session", []string{"encrypted_session_*", "set_encrypt_session", "set_decrypt_session"}},
	{"fancyindex", []string{"fancyindex*"}},
	{"form-input", []string{"set_form_input*"}},
	{"gearman", []string{"gearman_*"}},
	{"ipscrub", []string{"ipscrub_*"}},
	{"memc", []string{"memc_*"}},
	{"ModSecurity", []string{"modsecurity*"}},
	{"naxsi", []string{"SecRules*", "LearningMode", "DeniedUrl", "BasicRule", "MainRule", "CheckRule"}},
	{"nchan", []string{"nchan_*"}},
	{"opentracing", []string{"opentracing*"}},
	{"pagespeed", []string{"pagespeed"}},
	{"Passenger", []string{"passenger*"}},
	{"push-stream", []string{"push_stream_*"}},
	{"redis2", []string{"redis2_*", "redis_pass"}},
	{"rtmp", []string{"rtmp", "rtmp_*"}},
	{"set-misc", []string{"set_escape_uri", "set_unescape_uri", "set_quote_*", "set_md5", "set_sha1", "set_hmac_*",
		"set_encode_*", "set_decode_*", "set_random", "set_secure_random_*", "set_if_empty", "set_hashed_upstream"}},
	{"srcache", []string{"srcache_*"}},
	{"substitutions-filter", []string{"subs_filter", "subs_filter_*"}},
	{"testcookie", []string{"testcookie*"}},
	{"upload", []string{"upload_*"}},
	{"upstream-check", []string{"check", "check_*"}},
	{"upstream-fair", []string{"fair", "upstream_fair_*"}},
	{"upsync", []string{"upsync", "upsync_*"}},
	{"vhost-traffic-status", []string{"vhost_traffic_status*"}},
	{"vod", []string{"vod", "vod_*"}},
	{"zstd", []string{"zstd*"}},
}

// untabled reports whether nginx 1.31 has the directive although crossplane's
// table lacks it: because it is new, or because nginx does not document it.
func untabled(name string) bool {
	switch name {
	case "client_body_early_read", "least_time", "proxy_ssl_alpn", "sticky", "uwsgi_string":
		return true
	case "degradation", "degrade", "epoll_events", "gzip_hash", "gzip_no_buffer", "gzip_window",
		"http2_pool_size", "http2_streams_index_size", "open_file_cache_events", "post_action",
		"postpone_gzipping", "proxy_downstream_buffer", "proxy_upstream_buffer",
		"ssi_ignore_recycled_buffers", "xml_external_entities":
		return true
	}
	for _, protocol := range []string{"fastcgi", "grpc", "proxy", "scgi", "tunnel", "uwsgi"} {
		if rest, ok := strings.CutPrefix(name, protocol+"_"); ok && (rest == "socket_rcvbuf" || rest == "socket_sndbuf") {
			return true
		}
	}
	// Of tunnel_*, nginx Plus alone has what allows and binds at run time.
	return strings.HasPrefix(name, "tunnel_") && name != "tunnel_allow_upstream" && name != "tunnel_bind_dynamic"
}
