package command

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"tandem/internal/version"
	nc "tandem/nginxconf"
	"tandem/node/configuration"
	"tandem/stream"
	"tandem/web"
)

// printVersion prints what -v, -V and -h say, in nginx's form: tools read the
// nginx version and the configure arguments from it.
func printVersion(w io.Writer, o *options) {
	fmt.Fprintf(w, "tandem version: tandem/%s\nnginx version: nginx/%s\n", version.Tandem, version.Nginx)
	if o.help {
		fmt.Fprint(w, usage())
	}
	if o.configure {
		fmt.Fprintf(w, "built by %s%s\n", runtime.Version(), revision())
		fmt.Fprintf(w, "TLS by Go's crypto/tls, its directives read as with OpenSSL 3.0.0\nTLS SNI support enabled\nconfigure arguments: %s\n", configureArguments(o.Modules))
	}
}

// revision returns the commit that the binary was built from, when the build
// recorded it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return " from " + s.Value[:12]
		}
	}
	return ""
}

// usage is the help: what there is, from the tables that the command line is
// read with.
func usage() string {
	var b strings.Builder
	b.WriteString("Usage: tandem [-?hvVtTq] [-s signal] [-p prefix]\n              [-e filename] [-c filename] [-g directives]\n              [-k filename] [-i id]\n")
	for _, c := range subcommands() {
		fmt.Fprintf(&b, "       tandem %s\n", strings.TrimSpace(c.name+" "+c.args))
	}
	b.WriteString("\ntandem serves HTTP from your nginx.conf and holds the virtual addresses of\nyour keepalived.conf, in one process.\n\n" +
		"Options, as nginx has them, and -k and -i:\n" + nginxLine.usage() + "\nCommands:\n")
	for _, c := range subcommands() {
		for i, line := range strings.Split(c.help, "\n") {
			name := ""
			if i == 0 {
				name = c.name
			}
			fmt.Fprintf(&b, "  %-13s %s\n", name, line)
		}
	}
	b.WriteString("\nStarted through a link called keepalived, the command line is keepalived's\n(keepalived --help).\n\n")
	return b.String()
}

// optionalModule is a module of nginx that its configure script can leave out
// or put in, and a directive that only it has.
type optionalModule struct {
	option    string // without --with- or --without-
	directive string
	byDefault bool // nginx has it unless told otherwise
}

// context is where the directive of the module stands.
func (m *optionalModule) context() nc.Context {
	const ofStream = nc.Stream | nc.StreamServer | nc.StreamUpstream
	switch {
	case m.option == "stream":
		return nc.Main
	case strings.HasPrefix(m.option, "stream_"):
		return ofStream
	}
	return ^(ofStream | nc.Main)
}

var optionalModules = []optionalModule{
	{"http_access_module", "deny", true},
	{"http_addition_module", "add_after_body", false},
	{"http_auth_basic_module", "auth_basic", true},
	{"http_auth_request_module", "auth_request", false},
	{"http_autoindex_module", "autoindex", true},
	{"http_browser_module", "ancient_browser", true},
	{"http_charset_module", "charset", true},
	{"http_dav_module", "dav_methods", false},
	{"http_empty_gif_module", "empty_gif", true},
	{"http_fastcgi_module", "fastcgi_pass", true},
	{"http_flv_module", "flv", false},
	{"http_geo_module", "geo", true},
	{"http_grpc_module", "grpc_pass", true},
	{"http_gunzip_module", "gunzip", false},
	{"http_gzip_module", "gzip", true},
	{"http_gzip_static_module", "gzip_static", false},
	{"http_limit_conn_module", "limit_conn", true},
	{"http_limit_req_module", "limit_req", true},
	{"http_map_module", "map", true},
	{"http_memcached_module", "memcached_pass", true},
	{"http_mirror_module", "mirror", true},
	{"http_mp4_module", "mp4", false},
	{"http_proxy_module", "proxy_pass", true},
	{"http_random_index_module", "random_index", false},
	{"http_realip_module", "set_real_ip_from", false},
	{"http_referer_module", "valid_referers", true},
	{"http_rewrite_module", "rewrite", true},
	{"http_scgi_module", "scgi_pass", true},
	{"http_secure_link_module", "secure_link", false},
	{"http_slice_module", "slice", false},
	{"http_split_clients_module", "split_clients", true},
	{"http_ssi_module", "ssi", true},
	{"http_ssl_module", "ssl_certificate", false},
	{"http_stub_status_module", "stub_status", false},
	{"http_sub_module", "sub_filter", false},
	{"http_tunnel_module", "tunnel_pass", true},
	{"http_upstream_hash_module", "hash", true},
	{"http_upstream_ip_hash_module", "ip_hash", true},
	{"http_upstream_keepalive_module", "keepalive", true},
	{"http_upstream_least_conn_module", "least_conn", true},
	{"http_upstream_least_time_module", "least_time", true},
	{"http_upstream_random_module", "random", true},
	{"http_upstream_sticky_module", "sticky", true},
	{"http_upstream_zone_module", "zone", true},
	{"http_userid_module", "userid", true},
	{"http_uwsgi_module", "uwsgi_pass", true},
	{"http_v2_module", "http2", false},
	{"http-cache", "proxy_cache_path", true},
	{"stream", "stream", false},
	{"stream_access_module", "deny", true},
	{"stream_geo_module", "geo", true},
	{"stream_limit_conn_module", "limit_conn", true},
	{"stream_map_module", "map", true},
	{"stream_pass_module", "pass", true},
	{"stream_realip_module", "set_real_ip_from", false},
	{"stream_return_module", "return", true},
	{"stream_set_module", "set", true},
	{"stream_split_clients_module", "split_clients", true},
	{"stream_ssl_module", "ssl_certificate", false},
	{"stream_ssl_preread_module", "ssl_preread", false},
	{"stream_upstream_hash_module", "hash", true},
	{"stream_upstream_least_conn_module", "least_conn", true},
	{"stream_upstream_least_time_module", "least_time", true},
	{"stream_upstream_random_module", "random", true},
	{"stream_upstream_zone_module", "zone", true},
}

// configureArguments tell tools what is built in and what is not, the way
// nginx's own do.
func configureArguments(modules configuration.Modules) string {
	table := nc.NewTable(slices.Concat(new(web.HTTP).Commands(modules.HTTP), new(stream.Stream).Commands(modules.Stream))...)
	args := "--build=" + web.Build
	for _, m := range optionalModules {
		switch has := table.KnowsIn(m.directive, m.context()); {
		case has && !m.byDefault:
			args += " --with-" + m.option
		case !has && m.byDefault:
			args += " --without-" + m.option
		}
	}
	return args
}
