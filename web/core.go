package web

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web/message"
	"tandem/web/openfile"
)

// The core module: the directives of ngx_http_core_module that belong to no
// feature of their own.

// ServerCore are the core settings of a server.
type ServerCore struct {
	clientHeaderTimeout    nc.Value[time.Duration]
	clientHeaderBufferSize nc.Value[int64]
	largeClientBuffers     nc.Value[nc.Bufs]
	maxHeaders             nc.Value[int]
	ignoreInvalidHeaders   nc.Value[bool]
	MergeSlashes           nc.Value[bool]
	underscoresInHeaders   nc.Value[bool]

	// Limits are the above as the protocols want them.
	Limits message.Limits
}

// Core are the core settings of a location, complete once read.
type Core struct {
	Root  nc.Value[PathTemplate] // root or alias
	Alias Alias

	Types       nc.Value[*TypeMap]
	DefaultType nc.Value[string]

	ClientMaxBodySize        nc.Value[int64] // bytes, 0: no limit
	ClientBodyBufferSize     nc.Value[int64]
	ClientBodyTimeout        nc.Value[time.Duration]
	ClientBodyTempPath       nc.Value[string]
	ClientBodyInFileOnly     nc.Value[BodyFile]
	ClientBodyInSingleBuffer nc.Value[bool] // without effect: in memory it is one piece

	SendTimeout        nc.Value[time.Duration]
	KeepaliveTimeout   nc.Value[time.Duration] // 0: no keep-alive
	KeepaliveHeader    nc.Value[time.Duration] // 0: no Keep-Alive header
	KeepaliveTime      nc.Value[time.Duration]
	KeepaliveMin       nc.Value[time.Duration]
	KeepaliveRequests  nc.Value[int]
	KeepaliveDisable   nc.Value[int]
	LingeringClose     nc.Value[Lingering]
	LingeringTime      nc.Value[time.Duration]
	LingeringTimeout   nc.Value[time.Duration]
	ResetTimedout      nc.Value[bool]
	PostponeOutput     nc.Value[int64]
	Sendfile           nc.Value[bool]
	SendfileMaxChunk   nc.Value[int64]  // without effect: no other connection waits for a sendfile call
	DirectIO           nc.Value[string] // without effect, as aio
	TCPNodelay         nc.Value[bool]
	TCPNopush          nc.Value[bool]
	LimitRate          nc.Value[*session.Template] // bytes a second; nil: no limit
	LimitRateAfter     nc.Value[*session.Template]
	Satisfy            nc.Value[Satisfy]
	AuthDelay          nc.Value[time.Duration]
	Internal           nc.Value[bool]
	AbsoluteRedirect   nc.Value[bool]
	ServerNameRedirect nc.Value[bool]
	PortInRedirect     nc.Value[bool]
	MSIERefresh        nc.Value[bool]
	MSIEPadding        nc.Value[bool]
	LogNotFound        nc.Value[bool]
	LogSubrequest      nc.Value[bool]
	RecursiveErrors    nc.Value[bool]
	ServerTokens       nc.Value[Tokens]
	Chunked            nc.Value[bool]
	ETag               nc.Value[bool]
	IfModifiedSince    nc.Value[IfModified]
	MaxRanges          nc.Value[int] // -1: no limit, 0: no ranges
	ErrorPages         nc.Value[[]*ErrorPage]
	PostAction         nc.Value[string]
	EarlyHints         nc.Value[[]*session.Template] // interim responses go out if one is true
	SubrequestBuffer   nc.Value[int64]
	ErrorLog           nc.Value[*errorlog.Log]
	DisableSymlinks    nc.Value[Symlinks]
	OpenFileCache      nc.Value[*openfile.Cache] // nil: off
	OpenFileMinUses    nc.Value[int]
	// Files are looked at whenever they are served. So there is nothing that
	// these two could act on.
	openFileValid  nc.Value[time.Duration]
	openFileErrors nc.Value[bool]

	limitExcept *limitExcept
	defaultType []byte // DefaultType, nil when empty
}

var (
	coreServer   = NewServerSlot(inheritCoreServer)
	coreLocation = NewLocationSlot(inheritCore)
)

func inheritCoreServer(c, p *ServerCore) error {
	c.clientHeaderTimeout.Inherit(p.clientHeaderTimeout, 60*time.Second)
	c.clientHeaderBufferSize.Inherit(p.clientHeaderBufferSize, 1024)
	c.largeClientBuffers.Inherit(p.largeClientBuffers, nc.Bufs{Num: 4, Size: 8192})
	c.maxHeaders.Inherit(p.maxHeaders, 1000)
	c.ignoreInvalidHeaders.Inherit(p.ignoreInvalidHeaders, true)
	c.MergeSlashes.Inherit(p.MergeSlashes, true)
	c.underscoresInHeaders.Inherit(p.underscoresInHeaders, false)
	if c.largeClientBuffers.V.Size < 256 {
		return errors.New("the \"large_client_header_buffers\" size must be equal to or greater than \"connection_pool_size\"")
	}
	c.Limits = message.Limits{
		HeaderBuffer:         int(c.clientHeaderBufferSize.V),
		LargeCount:           c.largeClientBuffers.V.Num,
		LargeSize:            int(c.largeClientBuffers.V.Size),
		MaxHeaders:           c.maxHeaders.V,
		HeaderTimeout:        c.clientHeaderTimeout.V,
		UnderscoresInHeaders: c.underscoresInHeaders.V,
		IgnoreInvalidHeaders: c.ignoreInvalidHeaders.V,
	}
	return nil
}

func inheritCore(c, p *Core) error {
	if !c.Root.Set {
		c.Alias = p.Alias
	}
	c.Root.Inherit(p.Root, PathTemplate{}) // the http level has a default
	c.Types.Inherit(p.Types, defaultTypes)
	c.DefaultType.Inherit(p.DefaultType, "text/plain")
	if c.DefaultType.V != "" {
		c.defaultType = []byte(c.DefaultType.V)
	}

	c.ClientMaxBodySize.Inherit(p.ClientMaxBodySize, 1<<20)
	c.ClientBodyBufferSize.Inherit(p.ClientBodyBufferSize, 16<<10)
	c.ClientBodyTimeout.Inherit(p.ClientBodyTimeout, 60*time.Second)
	c.ClientBodyTempPath.Inherit(p.ClientBodyTempPath, defaultBodyFolder)
	c.ClientBodyInFileOnly.Inherit(p.ClientBodyInFileOnly, BodyFileOff)
	c.ClientBodyInSingleBuffer.Inherit(p.ClientBodyInSingleBuffer, false)

	c.SendTimeout.Inherit(p.SendTimeout, 60*time.Second)
	c.KeepaliveTimeout.Inherit(p.KeepaliveTimeout, 75*time.Second)
	c.KeepaliveHeader.Inherit(p.KeepaliveHeader, 0)
	c.KeepaliveTime.Inherit(p.KeepaliveTime, time.Hour)
	c.KeepaliveMin.Inherit(p.KeepaliveMin, 0)
	c.KeepaliveRequests.Inherit(p.KeepaliveRequests, 1000)
	c.KeepaliveDisable.Inherit(p.KeepaliveDisable, disableMSIE6)
	c.LingeringClose.Inherit(p.LingeringClose, LingeringOn)
	c.LingeringTime.Inherit(p.LingeringTime, 30*time.Second)
	c.LingeringTimeout.Inherit(p.LingeringTimeout, 5*time.Second)
	c.ResetTimedout.Inherit(p.ResetTimedout, false)
	c.PostponeOutput.Inherit(p.PostponeOutput, 1460)
	c.Sendfile.Inherit(p.Sendfile, false)
	c.SendfileMaxChunk.Inherit(p.SendfileMaxChunk, 2<<20)
	c.DirectIO.Inherit(p.DirectIO, "off")
	c.TCPNodelay.Inherit(p.TCPNodelay, true)
	c.TCPNopush.Inherit(p.TCPNopush, false)
	c.LimitRate.Inherit(p.LimitRate, nil)
	c.LimitRateAfter.Inherit(p.LimitRateAfter, nil)
	c.Satisfy.Inherit(p.Satisfy, SatisfyAll)
	c.AuthDelay.Inherit(p.AuthDelay, 0)
	c.Internal.Inherit(p.Internal, false)
	c.AbsoluteRedirect.Inherit(p.AbsoluteRedirect, true)
	c.ServerNameRedirect.Inherit(p.ServerNameRedirect, false)
	c.PortInRedirect.Inherit(p.PortInRedirect, true)
	c.MSIERefresh.Inherit(p.MSIERefresh, false)
	c.MSIEPadding.Inherit(p.MSIEPadding, true)
	c.LogNotFound.Inherit(p.LogNotFound, true)
	c.LogSubrequest.Inherit(p.LogSubrequest, false)
	c.RecursiveErrors.Inherit(p.RecursiveErrors, false)
	c.ServerTokens.Inherit(p.ServerTokens, TokensOn)
	c.Chunked.Inherit(p.Chunked, true)
	c.ETag.Inherit(p.ETag, true)
	c.IfModifiedSince.Inherit(p.IfModifiedSince, IfModifiedExact)
	c.MaxRanges.Inherit(p.MaxRanges, -1)
	c.ErrorPages.Inherit(p.ErrorPages, nil)
	c.EarlyHints.Inherit(p.EarlyHints, nil)
	c.PostAction.Inherit(p.PostAction, "")
	c.SubrequestBuffer.Inherit(p.SubrequestBuffer, 4096)
	c.ErrorLog.Inherit(p.ErrorLog, nil)
	c.DisableSymlinks.Inherit(p.DisableSymlinks, Symlinks{})
	c.OpenFileCache.Inherit(p.OpenFileCache, nil)
	c.OpenFileMinUses.Inherit(p.OpenFileMinUses, 1)
	return nil
}

// Lingering says when a connection is closed slowly, so that a client that is
// still sending sees the answer (lingering_close).
type Lingering int

// Values of lingering_close.
const (
	LingeringOff Lingering = iota
	LingeringOn
	LingeringAlways
)

// Satisfy says how the verdicts of the access phase combine.
type Satisfy int

// Values of satisfy.
const (
	SatisfyAll Satisfy = iota
	SatisfyAny
)

// Tokens says how much the Server header and error pages tell.
type Tokens int

// Values of server_tokens.
const (
	TokensOff Tokens = iota
	TokensOn
	TokensBuild
)

// IfModified says how If-Modified-Since is compared.
type IfModified int

// Values of if_modified_since.
const (
	IfModifiedOff IfModified = iota
	IfModifiedExact
	IfModifiedBefore
)

// BodyFile says whether request bodies always go to a file.
type BodyFile int

// Values of client_body_in_file_only.
const (
	BodyFileOff BodyFile = iota
	BodyFileClean
	BodyFileOn
)

// Symlinks is disable_symlinks: off, on or if_not_owner, with the part of the
// path that is exempt.
type Symlinks struct {
	Check   bool
	IfOwner bool // only links to another owner's file are refused
	From    *session.Template
}

const disableMSIE6, disableSafari = 1, 2

var allHTTP = nc.HTTP | nc.Server | nc.Location

func at[V any](field func(*Core) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return At(coreLocation, field)
}

func atServer[V any](field func(*ServerCore) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return AtServer(coreServer, field)
}

// Alias says that Root is an alias, and what for: the path is appended to it
// without the name of the location in which alias stands.
type Alias struct {
	On    bool
	Name  string // the name of that location
	Whole bool   // it is a regex location: nothing is appended
}

// PathTemplate is a file name that may hold variables, already made absolute.
type PathTemplate struct {
	Text string
	Vars *session.Template // nil when Text has no variables
}

func readRoot(s *nc.Scope, d *nc.Directive) error {
	b := BlockOf(s)
	c := b.Location.Core
	alias := d.Name == "alias"
	if c.Root.Set {
		if c.Alias.On == alias {
			return nc.ErrDuplicate
		}
		other := "root"
		if c.Alias.On {
			other = "alias"
		}
		return fmt.Errorf("\"%s\" directive is duplicate, \"%s\" directive was specified earlier", d.Name, other)
	}
	if b.Location.Kind == NamedLocation && alias {
		return errors.New("the \"alias\" directive cannot be used inside the named location")
	}
	text := d.Args[0]
	if strings.Contains(text, "$document_root") || strings.Contains(text, "${document_root}") {
		return fmt.Errorf("the $document_root variable cannot be used in the \"%s\" directive", d.Name)
	}
	if strings.Contains(text, "$realpath_root") || strings.Contains(text, "${realpath_root}") {
		return fmt.Errorf("the $realpath_root variable cannot be used in the \"%s\" directive", d.Name)
	}
	t, err := b.HTTP.PathTemplate(s, d, text)
	if err != nil {
		return err
	}
	if !alias && t.Vars == nil {
		t.Text = strings.TrimRight(t.Text, "/")
	}
	c.Root = nc.Value[PathTemplate]{V: t, Set: true}
	if alias {
		c.Alias = Alias{On: true, Name: b.Location.Name}
		if b.Location.Kind == RegexLocation {
			c.Alias.Name, c.Alias.Whole = "", true
		}
	}
	return nil
}

// PathTemplate compiles a file name: relative to the prefix unless it begins
// with a slash or a variable.
func (h *HTTP) PathTemplate(s *nc.Scope, d *nc.Directive, text string) (PathTemplate, error) {
	full := text
	if !strings.HasPrefix(text, "$") {
		full = s.Path(text, false)
	}
	t, err := h.Template(d, full)
	if err != nil {
		return PathTemplate{}, err
	}
	if t.IsLiteral() {
		return PathTemplate{Text: full}, nil
	}
	return PathTemplate{Text: full, Vars: t}, nil
}

func readKeepaliveTimeout(s *nc.Scope, d *nc.Directive) error {
	c := BlockOf(s).Location.Core
	if c.KeepaliveTimeout.Set {
		return nc.ErrDuplicate
	}
	for i, into := range []*nc.Value[time.Duration]{&c.KeepaliveTimeout, &c.KeepaliveHeader} {
		if i >= len(d.Args) {
			break
		}
		v, err := nc.ParseMsec(d.Args[i])
		if err != nil {
			return nc.ErrInvalidValue
		}
		*into = nc.Value[time.Duration]{V: v, Set: true}
	}
	return nil
}

func readInternal(s *nc.Scope, _ *nc.Directive) error {
	c := BlockOf(s).Location.Core
	if c.Internal.Set {
		return nc.ErrDuplicate
	}
	c.Internal = nc.Value[bool]{V: true, Set: true}
	return nil
}

func readDisableSymlinks(s *nc.Scope, d *nc.Directive) error {
	c := BlockOf(s).Location.Core
	if c.DisableSymlinks.Set {
		return nc.ErrDuplicate
	}
	var v Symlinks
	checks := false // it is said whether to check
	for _, a := range d.Args {
		switch from, ok := strings.CutPrefix(a, "from="); {
		case a == "off", a == "on", a == "if_not_owner":
			v.Check, v.IfOwner, checks = a != "off", a == "if_not_owner", true
		case ok:
			t, err := BlockOf(s).HTTP.Template(d, from)
			if err != nil {
				return err
			}
			v.From = t
		default:
			return fmt.Errorf("invalid parameter %q", a)
		}
	}
	switch {
	case !checks:
		return fmt.Errorf("\"%s\" must have \"off\", \"on\" or \"if_not_owner\" parameter", d.Name)
	case len(d.Args) > 1 && v.From == nil:
		return fmt.Errorf("duplicate parameters \"%s %s\"", d.Args[0], d.Args[1])
	case v.From != nil && !v.Check:
		return errors.New("\"from=\" cannot be used with \"off\" parameter")
	}
	c.DisableSymlinks = nc.Value[Symlinks]{V: v, Set: true}
	return nil
}

func readOpenFileCache(s *nc.Scope, d *nc.Directive) error {
	c := BlockOf(s).Location.Core
	if c.OpenFileCache.Set {
		return nc.ErrDuplicate
	}
	max, inactive, off := 0, 60*time.Second, false
	for _, a := range d.Args {
		name, value, _ := strings.Cut(a, "=")
		var err error
		switch name {
		case "off":
			off = true
		case "max":
			if max, err = nc.ParseNumber(value); max == 0 {
				err = nc.ErrInvalidValue
			}
		case "inactive":
			inactive, err = nc.ParseSec(value)
		default:
			err = nc.ErrInvalidValue
		}
		if err != nil {
			return fmt.Errorf("invalid \"open_file_cache\" parameter \"%s\"", a)
		}
	}
	var cache *openfile.Cache
	switch {
	case off:
	case max == 0:
		return errors.New("\"open_file_cache\" must have the \"max\" parameter")
	default:
		cache = openfile.NewCache(max, inactive)
	}
	c.OpenFileCache = nc.Value[*openfile.Cache]{V: cache, Set: true}
	return nil
}
