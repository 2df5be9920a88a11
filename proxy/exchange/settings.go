package exchange

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/answer"
	"tandem/proxy/cache"
	"tandem/proxy/secure"
	"tandem/session"
)

// Settings are what the directives say that all protocols have, for one
// location. They are complete once Inherit has run.
type Settings struct {
	family *Family

	Bind            nc.Value[*secure.Bind] // nil: off
	SocketKeepalive nc.Value[bool]
	SocketRcvbuf    nc.Value[int64] // bytes, 0: the kernel's choice
	SocketSndbuf    nc.Value[int64]

	ConnectTimeout nc.Value[time.Duration]
	SendTimeout    nc.Value[time.Duration]
	ReadTimeout    nc.Value[time.Duration]

	NextUpstream        nc.Value[Condition]
	NextUpstreamTries   nc.Value[int]           // 0: no limit
	NextUpstreamTimeout nc.Value[time.Duration] // 0: no limit

	Buffering        nc.Value[bool]
	BufferSize       nc.Value[int64] // what the head of a response must fit into
	Buffers          nc.Value[nc.Bufs]
	BusyBuffersSize  nc.Value[int64]
	MaxTempFileSize  nc.Value[int64] // 0: no temporary files
	TempFileWrite    nc.Value[int64]
	TempPath         nc.Value[string]
	LimitRate        nc.Value[*session.Template] // bytes a second that are read of a response
	RequestBuffering nc.Value[bool]

	PassRequestHeaders nc.Value[bool]
	PassRequestBody    nc.Value[bool]
	IgnoreClientAbort  nc.Value[bool]
	Answers            answer.Settings

	Store       nc.Value[*store] // nil: off
	StoreAccess nc.Value[fs.FileMode]
	Cache       cache.Settings
	UseStale    nc.Value[Condition] // when a stale entry is used in place of the back end's answer

	TLS secure.Settings
}

const pageSize = 4096

// Inherit completes the settings of one of the family's from those of the outer
// level, but for the buffers.
func (c *Settings) Inherit(p *Settings, family *Family) {
	c.family = family
	c.Bind.Inherit(p.Bind, nil)
	c.SocketKeepalive.Inherit(p.SocketKeepalive, false)
	c.SocketRcvbuf.Inherit(p.SocketRcvbuf, 0)
	c.SocketSndbuf.Inherit(p.SocketSndbuf, 0)
	c.ConnectTimeout.Inherit(p.ConnectTimeout, 60*time.Second)
	c.SendTimeout.Inherit(p.SendTimeout, 60*time.Second)
	c.ReadTimeout.Inherit(p.ReadTimeout, 60*time.Second)
	c.NextUpstream.Inherit(p.NextUpstream, OnError|OnTimeout)
	c.NextUpstreamTries.Inherit(p.NextUpstreamTries, 0)
	c.NextUpstreamTimeout.Inherit(p.NextUpstreamTimeout, 0)
	c.Buffering.Inherit(p.Buffering, true)
	c.LimitRate.Inherit(p.LimitRate, nil)
	c.RequestBuffering.Inherit(p.RequestBuffering, true)
	c.PassRequestHeaders.Inherit(p.PassRequestHeaders, true)
	c.PassRequestBody.Inherit(p.PassRequestBody, true)
	c.IgnoreClientAbort.Inherit(p.IgnoreClientAbort, false)
	if c.Cache.Use.V != nil {
		c.Store = nc.Value[*store]{Set: true}
	} else if c.Store.V != nil {
		c.Cache.Use.Set = true
	}
	c.Store.Inherit(p.Store, nil)
	c.StoreAccess.Inherit(p.StoreAccess, defaultStoreAccess)
	c.TempPath.Inherit(p.TempPath, family.Prefix+"_temp")
	c.TLS.Inherit(&p.TLS)
	c.Answers.Inherit(&p.Answers, &family.Answers)
	c.BufferSize.Inherit(p.BufferSize, pageSize)
}

// InheritBuffers completes the sizes that depend on one another, for protocols
// whose responses are buffered. It follows Inherit.
func (c *Settings) InheritBuffers(p *Settings) error {
	c.Buffers.Inherit(p.Buffers, nc.Bufs{Num: 8, Size: pageSize})
	if c.Buffers.V.Num < 2 {
		return fmt.Errorf("there must be at least 2 \"%s_buffers\"", c.family.Prefix)
	}
	size := max(c.BufferSize.V, c.Buffers.V.Size)
	prefix := c.family.Prefix
	largest := fmt.Sprintf("the maximum of the value of \"%s_buffer_size\" and one of the \"%s_buffers\"", prefix, prefix)

	c.BusyBuffersSize.Inherit(p.BusyBuffersSize, 2*size)
	if !c.BusyBuffersSize.Set {
		c.BusyBuffersSize.V = 2 * size
	}
	if c.BusyBuffersSize.V < size {
		return errors.New("\"" + prefix + "_busy_buffers_size\" must be equal to or greater than " + largest)
	}
	if c.BusyBuffersSize.V > int64(c.Buffers.V.Num-1)*c.Buffers.V.Size {
		return fmt.Errorf("\"%s_busy_buffers_size\" must be less than the size of all \"%s_buffers\" minus one buffer", prefix, prefix)
	}
	c.TempFileWrite.Inherit(p.TempFileWrite, 2*size)
	if !c.TempFileWrite.Set {
		c.TempFileWrite.V = 2 * size
	}
	if c.TempFileWrite.V < size {
		return errors.New("\"" + prefix + "_temp_file_write_size\" must be equal to or greater than " + largest)
	}
	c.MaxTempFileSize.Inherit(p.MaxTempFileSize, 1<<30)
	if c.MaxTempFileSize.V != 0 && c.MaxTempFileSize.V < size {
		return errors.New("\"" + prefix + "_max_temp_file_size\" must be equal to zero to disable temporary files usage " +
			"or must be equal to or greater than " + largest)
	}
	return nil
}

// InheritCache completes what concerns the cache, for protocols whose responses
// can be kept. It follows Inherit.
func (c *Settings) InheritCache(p *Settings) error {
	c.UseStale.Inherit(p.UseStale, Never)
	if c.UseStale.V&Never != 0 {
		c.UseStale.V = Never
	}
	if c.UseStale.V&OnError != 0 {
		c.UseStale.V |= onNoLive
	}
	c.Cache.WhileUpdating = c.UseStale.V&OnUpdating != 0
	return c.Cache.Inherit(&p.Cache)
}

// memory is how much of a response is held in memory.
func (c *Settings) memory() int { return c.Buffers.V.Num * int(c.Buffers.V.Size) }
