package web

import (
	"time"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
)

// The directives of the core module.
var coreCommands = []nc.Command{
	{Name: "server", In: nc.HTTP, Arity: nc.Block | nc.NoArgs, Set: readServer},
	{Name: "location", In: nc.Server | nc.Location, Arity: nc.Block | nc.Take12, Set: readLocation},
	{Name: "listen", In: nc.Server, Arity: nc.OneMore, Set: readListen},
	{Name: "server_name", In: nc.Server, Arity: nc.OneMore, Set: readServerName},
	{Name: "limit_except", In: nc.Location, Arity: nc.Block | nc.OneMore, Set: readLimitExcept},
	{Name: "root", In: allHTTP | nc.LocationIf, Arity: nc.Take1, Set: readRoot},
	{Name: "alias", In: nc.Location, Arity: nc.Take1, Set: readRoot},
	{Name: "types", In: allHTTP, Arity: nc.Block | nc.NoArgs, Set: readTypes},
	{Name: "default_type", In: allHTTP, Arity: nc.Take1, Set: nc.SetString(at(func(c *Core) *nc.Value[string] { return &c.DefaultType }))},
	{Name: "error_page", In: allHTTP | nc.LocationIf, Arity: nc.TwoMore, Set: readErrorPage},
	{Name: "post_action", In: allHTTP | nc.LocationIf, Arity: nc.Take1, Set: nc.SetString(at(func(c *Core) *nc.Value[string] { return &c.PostAction }))},
	{Name: "early_hints", In: allHTTP, Arity: nc.OneMore, Set: readEarlyHints},
	{Name: "error_log", In: allHTTP, Arity: nc.OneMore, Set: session.SetErrorLog(at(func(c *Core) *nc.Value[*errorlog.Log] { return &c.ErrorLog }))},
	{Name: "internal", In: nc.Location, Arity: nc.NoArgs, Set: readInternal},
	{Name: "satisfy", In: allHTTP, Arity: nc.Take1, Set: nc.SetEnum(at(func(c *Core) *nc.Value[Satisfy] { return &c.Satisfy }),
		nc.Name{Name: "all", Value: int(SatisfyAll)}, nc.Name{Name: "any", Value: int(SatisfyAny)})},
	{Name: "auth_delay", In: allHTTP, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *Core) *nc.Value[time.Duration] { return &c.AuthDelay }))},

	// Reading requests.
	{Name: "client_header_timeout", In: nc.HTTP | nc.Server, Arity: nc.Take1, Set: nc.SetMsec(atServer(func(c *ServerCore) *nc.Value[time.Duration] { return &c.clientHeaderTimeout }))},
	{Name: "client_header_buffer_size", In: nc.HTTP | nc.Server, Arity: nc.Take1, Set: nc.SetSize(atServer(func(c *ServerCore) *nc.Value[int64] { return &c.clientHeaderBufferSize }))},
	{Name: "large_client_header_buffers", In: nc.HTTP | nc.Server, Arity: nc.Take2, Set: nc.SetBufs(atServer(func(c *ServerCore) *nc.Value[nc.Bufs] { return &c.largeClientBuffers }))},
	{Name: "max_headers", In: nc.HTTP | nc.Server, Arity: nc.Take1, Set: nc.SetNumber(atServer(func(c *ServerCore) *nc.Value[int] { return &c.maxHeaders }))},
	{Name: "ignore_invalid_headers", In: nc.HTTP | nc.Server, Arity: nc.Flag, Set: nc.SetFlag(atServer(func(c *ServerCore) *nc.Value[bool] { return &c.ignoreInvalidHeaders }))},
	{Name: "merge_slashes", In: nc.HTTP | nc.Server, Arity: nc.Flag, Set: nc.SetFlag(atServer(func(c *ServerCore) *nc.Value[bool] { return &c.MergeSlashes }))},
	{Name: "underscores_in_headers", In: nc.HTTP | nc.Server, Arity: nc.Flag, Set: nc.SetFlag(atServer(func(c *ServerCore) *nc.Value[bool] { return &c.underscoresInHeaders }))},
	{Name: "client_max_body_size", In: allHTTP, Arity: nc.Take1, Set: nc.SetOffset(at(func(c *Core) *nc.Value[int64] { return &c.ClientMaxBodySize }))},
	{Name: "client_body_buffer_size", In: allHTTP, Arity: nc.Take1, Set: nc.SetSize(at(func(c *Core) *nc.Value[int64] { return &c.ClientBodyBufferSize }))},
	{Name: "client_body_timeout", In: allHTTP, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *Core) *nc.Value[time.Duration] { return &c.ClientBodyTimeout }))},
	{Name: "client_body_temp_path", In: allHTTP, Arity: nc.Take1234, Set: session.SetTempPath(at(func(c *Core) *nc.Value[string] { return &c.ClientBodyTempPath }))},
	{Name: "client_body_in_file_only", In: allHTTP, Arity: nc.Take1, Set: nc.SetEnum(at(func(c *Core) *nc.Value[BodyFile] { return &c.ClientBodyInFileOnly }),
		nc.Name{Name: "off", Value: int(BodyFileOff)}, nc.Name{Name: "clean", Value: int(BodyFileClean)}, nc.Name{Name: "on", Value: int(BodyFileOn)})},
	{Name: "client_body_in_single_buffer", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.ClientBodyInSingleBuffer }))},

	// Connections.
	{Name: "keepalive_timeout", In: allHTTP, Arity: nc.Take12, Set: readKeepaliveTimeout},
	{Name: "keepalive_time", In: allHTTP, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *Core) *nc.Value[time.Duration] { return &c.KeepaliveTime }))},
	{Name: "keepalive_min_timeout", In: allHTTP, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *Core) *nc.Value[time.Duration] { return &c.KeepaliveMin }))},
	{Name: "keepalive_requests", In: allHTTP, Arity: nc.Take1, Set: nc.SetNumber(at(func(c *Core) *nc.Value[int] { return &c.KeepaliveRequests }))},
	{Name: "keepalive_disable", In: allHTTP, Arity: nc.Take12, Set: nc.SetBitmask(at(func(c *Core) *nc.Value[int] { return &c.KeepaliveDisable }),
		nc.Name{Name: "none", Value: 0}, nc.Name{Name: "msie6", Value: disableMSIE6}, nc.Name{Name: "safari", Value: disableSafari})},
	{Name: "lingering_close", In: allHTTP, Arity: nc.Take1, Set: nc.SetEnum(at(func(c *Core) *nc.Value[Lingering] { return &c.LingeringClose }),
		nc.Name{Name: "off", Value: int(LingeringOff)}, nc.Name{Name: "on", Value: int(LingeringOn)}, nc.Name{Name: "always", Value: int(LingeringAlways)})},
	{Name: "lingering_time", In: allHTTP, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *Core) *nc.Value[time.Duration] { return &c.LingeringTime }))},
	{Name: "lingering_timeout", In: allHTTP, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *Core) *nc.Value[time.Duration] { return &c.LingeringTimeout }))},
	{Name: "reset_timedout_connection", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.ResetTimedout }))},
	{Name: "tcp_nodelay", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.TCPNodelay }))},
	{Name: "tcp_nopush", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.TCPNopush }))},

	// Sending.
	{Name: "send_timeout", In: allHTTP, Arity: nc.Take1, Set: nc.SetMsec(at(func(c *Core) *nc.Value[time.Duration] { return &c.SendTimeout }))},
	{Name: "postpone_output", In: allHTTP, Arity: nc.Take1, Set: nc.SetSize(at(func(c *Core) *nc.Value[int64] { return &c.PostponeOutput }))},
	{Name: "sendfile", In: allHTTP | nc.LocationIf, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.Sendfile }))},
	{Name: "sendfile_max_chunk", In: allHTTP, Arity: nc.Take1, Set: nc.SetSize(at(func(c *Core) *nc.Value[int64] { return &c.SendfileMaxChunk }))},
	{Name: "directio", In: allHTTP, Arity: nc.Take1, Set: nc.SetString(at(func(c *Core) *nc.Value[string] { return &c.DirectIO }))},
	{Name: "limit_rate", In: allHTTP | nc.LocationIf, Arity: nc.Take1, Set: session.SetRate(at(func(c *Core) *nc.Value[*session.Template] { return &c.LimitRate }))},
	{Name: "limit_rate_after", In: allHTTP | nc.LocationIf, Arity: nc.Take1, Set: session.SetRate(at(func(c *Core) *nc.Value[*session.Template] { return &c.LimitRateAfter }))},
	{Name: "chunked_transfer_encoding", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.Chunked }))},
	{Name: "subrequest_output_buffer_size", In: allHTTP, Arity: nc.Take1, Set: nc.SetSize(at(func(c *Core) *nc.Value[int64] { return &c.SubrequestBuffer }))},

	// Files and responses.
	{Name: "etag", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.ETag }))},
	{Name: "if_modified_since", In: allHTTP, Arity: nc.Take1, Set: nc.SetEnum(at(func(c *Core) *nc.Value[IfModified] { return &c.IfModifiedSince }),
		nc.Name{Name: "off", Value: int(IfModifiedOff)}, nc.Name{Name: "exact", Value: int(IfModifiedExact)}, nc.Name{Name: "before", Value: int(IfModifiedBefore)})},
	{Name: "max_ranges", In: allHTTP, Arity: nc.Take1, Set: nc.SetNumber(at(func(c *Core) *nc.Value[int] { return &c.MaxRanges }))},
	{Name: "absolute_redirect", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.AbsoluteRedirect }))},
	{Name: "server_name_in_redirect", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.ServerNameRedirect }))},
	{Name: "port_in_redirect", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.PortInRedirect }))},
	{Name: "msie_padding", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.MSIEPadding }))},
	{Name: "msie_refresh", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.MSIERefresh }))},
	{Name: "log_not_found", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.LogNotFound }))},
	{Name: "log_subrequest", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.LogSubrequest }))},
	{Name: "recursive_error_pages", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.RecursiveErrors }))},
	{Name: "server_tokens", In: allHTTP, Arity: nc.Take1, Set: nc.SetEnum(at(func(c *Core) *nc.Value[Tokens] { return &c.ServerTokens }),
		nc.Name{Name: "off", Value: int(TokensOff)}, nc.Name{Name: "on", Value: int(TokensOn)}, nc.Name{Name: "build", Value: int(TokensBuild)})},
	{Name: "disable_symlinks", In: allHTTP, Arity: nc.Take12, Set: readDisableSymlinks},
	{Name: "open_file_cache", In: allHTTP, Arity: nc.Take12, Set: readOpenFileCache},
	{Name: "open_file_cache_valid", In: allHTTP, Arity: nc.Take1, Set: nc.SetSec(at(func(c *Core) *nc.Value[time.Duration] { return &c.openFileValid }))},
	{Name: "open_file_cache_min_uses", In: allHTTP, Arity: nc.Take1, Set: nc.SetNumber(at(func(c *Core) *nc.Value[int] { return &c.OpenFileMinUses }))},
	{Name: "open_file_cache_errors", In: allHTTP, Arity: nc.Flag, Set: nc.SetFlag(at(func(c *Core) *nc.Value[bool] { return &c.openFileErrors }))},

	// What tunes memory, hashes or system calls that tandem does not have:
	// accepted, without effect, because nothing that they say can be seen by
	// a client.
	{Name: "connection_pool_size", In: nc.HTTP | nc.Server, Arity: nc.Take1},
	{Name: "request_pool_size", In: nc.HTTP | nc.Server, Arity: nc.Take1},
	{Name: "variables_hash_max_size", In: nc.HTTP, Arity: nc.Take1},
	{Name: "variables_hash_bucket_size", In: nc.HTTP, Arity: nc.Take1},
	{Name: "server_names_hash_max_size", In: nc.HTTP, Arity: nc.Take1},
	{Name: "server_names_hash_bucket_size", In: nc.HTTP, Arity: nc.Take1},
	{Name: "types_hash_max_size", In: allHTTP, Arity: nc.Take1},
	{Name: "types_hash_bucket_size", In: allHTTP, Arity: nc.Take1},
	{Name: "aio", In: allHTTP, Arity: nc.Take1},
	{Name: "aio_write", In: allHTTP, Arity: nc.Flag},
	{Name: "directio_alignment", In: allHTTP, Arity: nc.Take1},
	{Name: "read_ahead", In: allHTTP, Arity: nc.Take1},
	{Name: "output_buffers", In: allHTTP, Arity: nc.Take2},
	{Name: "send_lowat", In: allHTTP, Arity: nc.Take1},
}
