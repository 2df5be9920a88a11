package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"tandem/web"
)

// version is tandem's own.
const version = "0.1.0"

// printVersion prints what -v, -V and -h say, in nginx's form: tools read the
// nginx version and the configure arguments from it.
func printVersion(w io.Writer, o *options) {
	fmt.Fprintf(w, "tandem version: tandem/%s\nnginx version: nginx/%s\n", version, web.Version)
	if o.help {
		fmt.Fprint(w, usage)
	}
	if o.configure {
		fmt.Fprintf(w, "built by %s%s\n", runtime.Version(), revision())
		fmt.Fprintf(w, "configure arguments: %s\n", configureArguments)
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

const usage = `Usage: tandem [-?hvVtTq] [-s signal] [-p prefix]
              [-e filename] [-c filename] [-g directives]
              [-k filename] [-i id]
       tandem demo [--json]

tandem serves HTTP from your nginx.conf and holds the virtual addresses of
your keepalived.conf, in one process.

Options, as nginx has them:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test both configuration files and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a running tandem: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: ` + defaultPrefix + `)
  -e filename   : set error log file (default: ` + defaultErrorLog + `)
  -c filename   : set nginx.conf (default: ` + defaultConf + `)
  -g directives : set global directives out of configuration file

As keepalived has them:
  -k filename   : set keepalived.conf (default: ` + defaultKeepalived + `,
                  if it exists; without one tandem is a plain web server)
  -i id         : set the config id for @id lines of keepalived.conf
                  (default: ` + defaultConfigID + `)

Commands:
  demo          : watch two nodes and a client in networks of their own, no
                  configuration needed

`

// configureArguments tell tools what is built in and what is not, the way
// nginx's own do.
const configureArguments = "--build=" + web.Build + " --with-http_realip_module --with-http_addition_module --with-http_sub_module" +
	" --with-http_gunzip_module --with-http_gzip_static_module --with-http_auth_request_module" +
	" --with-http_random_index_module --with-http_secure_link_module --with-http_stub_status_module" +
	" --without-http_ssi_module --without-http_fastcgi_module --without-http_uwsgi_module --without-http_scgi_module" +
	" --without-http_grpc_module --without-http_memcached_module --without-http-cache"
