package main

import (
	"tandem/node/configuration"
	"tandem/proxy"
	"tandem/proxy/check"
	"tandem/proxy/exchange"
	"tandem/proxy/fastcgi"
	"tandem/proxy/grpc"
	"tandem/proxy/memcached"
	"tandem/proxy/scgi"
	"tandem/proxy/tunnel"
	"tandem/proxy/uwsgi"
	"tandem/session/access"
	"tandem/session/accesslog"
	"tandem/session/limit"
	"tandem/session/realip"
	"tandem/session/resolver"
	"tandem/session/ssl"
	"tandem/session/vars"
	"tandem/static"
	"tandem/stream"
	"tandem/stream/preread"
	streamproxy "tandem/stream/proxy"
	"tandem/web"
	webaccess "tandem/web/access"
	"tandem/web/acme"
	"tandem/web/addition"
	"tandem/web/api"
	"tandem/web/charset"
	"tandem/web/compress"
	"tandem/web/dashboard"
	"tandem/web/headers"
	"tandem/web/http1"
	"tandem/web/http2"
	"tandem/web/metrics"
	"tandem/web/mirror"
	"tandem/web/notmodified"
	"tandem/web/ranges"
	webrealip "tandem/web/realip"
	"tandem/web/rewrite"
	"tandem/web/slice"
	"tandem/web/ssi"
	"tandem/web/statuszone"
	"tandem/web/stubstatus"
	"tandem/web/sub"
	"tandem/web/userid"
)

// modules are the ordered lists of the servers' features. Handlers of one phase and
// header filters run in this order, which is nginx's.
var modules = configuration.Modules{
	HTTP: []*web.Module{
		// What is spoken with clients.
		http2.Module,
		http1.Module,

		web.Shared(resolver.Module),
		web.Shared(realip.Module),
		webrealip.Module,
		rewrite.Module,
		web.Shared(limit.Requests(web.Wait)),
		web.Shared(limit.Connections(web.Arrivals{})),

		// Access.
		web.Shared(access.Module(web.SatisfiedByAny)),
		webaccess.AuthBasic,
		webaccess.AuthRequest,

		static.TryFiles,
		mirror.Module,

		// Content.
		static.RandomIndex,
		static.Index,
		static.AutoIndex,
		static.DAV,
		static.Precompressed,
		static.Module,
		static.EmptyGIF,
		stubstatus.Module,
		metrics.Module,
		api.Module,
		dashboard.Module,
		exchange.Module,
		proxy.Module,
		fastcgi.Module,
		uwsgi.Module,
		scgi.Module,
		grpc.Module,
		memcached.Module,
		tunnel.Module,
		check.Module,

		// Header filters, in the order in which they see a response.
		slice.Module,
		notmodified.Module,
		headers.Module,
		userid.Module,
		compress.Gunzip,
		addition.Module,
		sub.Module,
		charset.Module,
		ssi.Module,
		compress.Gzip,
		compress.Brotli,
		compress.Zstd,
		ranges.Module,
		slice.Rest,

		webaccess.Referer,
		webaccess.SecureLink,
		web.Shared(vars.Map),
		web.Shared(vars.Geo(web.Forwarded)),
		web.Shared(vars.SplitClients),
		web.Shared(ssl.Module),
		acme.Module,
		statuszone.Module,
		web.Shared(accesslog.Module(accesslog.Combined, web.AppendRoot)),
	},
	Stream: []*stream.Module{
		stream.Shared(resolver.Module),
		stream.RealIP,
		stream.Shared(limit.Connections(stream.Arrivals{})),
		stream.Set,
		stream.Shared(access.Module(nil)),
		stream.Shared(ssl.Module),

		streamproxy.Upstream,
		streamproxy.Module,
		streamproxy.Check,
		stream.Return,
		stream.Pass,
		preread.Module,

		stream.Shared(vars.Map),
		stream.Shared(vars.Geo(nil)),
		stream.Shared(vars.SplitClients),
		stream.Shared(accesslog.Module("", nil)),
	},
}
