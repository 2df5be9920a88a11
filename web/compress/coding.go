package compress

import (
	"io"
	"sync"

	nc "tandem/nginxconf"
	"tandem/web"
)

// coding is a content coding that responses can be given.
type coding int

// The codings, the one that is taken of several that the client likes equally
// first.
const (
	zstdCoding coding = iota
	brotliCoding
	gzipCoding
	codings
)

// codingNames are the codings in HTTP's words, of which several are needed as
// bytes.
var (
	codingNames  = [codings]string{"zstd", "br", "gzip"}
	codingValues = [codings][]byte{[]byte("zstd"), []byte("br"), []byte("gzip")}
)

// coded are the settings of one coding at one level.
type coded struct {
	on        nc.Value[bool]
	types     nc.Value[*web.TypeSet]
	level     nc.Value[int]
	window    nc.Value[int64] // of Brotli, in bytes
	minLength nc.Value[int64] // in bytes; responses of unknown length are always compressed

	pool *pool // of compressors with these settings
}

// settings are those of one level.
type settings struct {
	coded [codings]coded
	any   bool // one of them is on
}

var conf = web.NewLocationSlot(func(c, p *settings) error {
	for i := range coding(codings) {
		c, p := &c.coded[i], &p.coded[i]
		c.on.Inherit(p.on, false)
		c.types.Inherit(p.types, web.HTMLOnly)
		c.level.Inherit(p.level, defaultLevels[i])
		c.window.Inherit(p.window, defaultBrotliWindow)
		c.minLength.Inherit(p.minLength, 20)
		c.pool = poolOf(i, c.level.V, c.window.V)
	}
	c.any = c.coded[zstdCoding].on.V || c.coded[brotliCoding].on.V || c.coded[gzipCoding].on.V
	return nil
})

var defaultLevels = [codings]int{zstdCoding: 1, brotliCoding: 6, gzipCoding: 1}

// of returns the place of a setting of a coding.
func of[V any](i coding, field func(*coded) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return web.At(conf, func(c *settings) *nc.Value[V] { return field(&c.coded[i]) })
}

// commonCommands are the directives that every coding has.
func commonCommands(i coding, name string, levels func(int) error) []nc.Command {
	return []nc.Command{
		{Name: name, In: everywhere | nc.LocationIf, Arity: nc.Flag, Set: nc.SetFlag(of(i, func(c *coded) *nc.Value[bool] { return &c.on }))},
		{Name: name + "_types", In: everywhere, Arity: nc.OneMore, Set: web.SetTypes(of(i, func(c *coded) *nc.Value[*web.TypeSet] { return &c.types }), "text/html")},
		{Name: name + "_comp_level", In: everywhere, Arity: nc.Take1, Set: nc.SetNumber(of(i, func(c *coded) *nc.Value[int] { return &c.level }), levels)},
		{Name: name + "_min_length", In: everywhere, Arity: nc.Take1, Set: nc.SetSize(of(i, func(c *coded) *nc.Value[int64] { return &c.minLength }))},
		// How the memory is cut up that the response passes through.
		{Name: name + "_buffers", In: everywhere, Arity: nc.Take2, Set: checkBuffers},
	}
}

// checkBuffers checks a number and size of buffers that have no effect.
func checkBuffers(_ *nc.Scope, d *nc.Directive) error {
	_, err := nc.ParseBufs(d.Args[0], d.Args[1])
	return err
}

// coder is a compressor.
type coder interface {
	io.Writer
	Flush() error // everything written so far can be unpacked
	Close() error // the end
}

// pool keeps compressors of one kind, whose memory is large, for later
// responses.
type pool struct {
	free  sync.Pool
	start func(c coder, w io.Writer) coder // c is one that was used before, or nil
}

func (p *pool) get(w io.Writer) coder {
	c, _ := p.free.Get().(coder)
	return p.start(c, w)
}

func (p *pool) put(c coder) { p.free.Put(c) }

// kinds of pools there are, for all configurations.
type kind struct {
	coding coding
	level  int
	window int64
}

var (
	poolsMu sync.Mutex
	pools   = make(map[kind]*pool)
)

func poolOf(i coding, level int, window int64) *pool {
	if i != brotliCoding {
		window = 0
	}
	k := kind{i, level, window}
	poolsMu.Lock()
	defer poolsMu.Unlock()
	p := pools[k]
	if p == nil {
		p = &pool{start: starters[i](level, window)}
		pools[k] = p
	}
	return p
}

// starters make the functions that begin a response with a fresh or a used
// compressor.
var starters = [codings]func(level int, window int64) func(coder, io.Writer) coder{
	zstdCoding: startZstd, brotliCoding: startBrotli, gzipCoding: startGzip,
}
