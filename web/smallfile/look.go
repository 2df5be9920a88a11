package smallfile

import (
	"time"

	"tandem/internal/flow"
	"tandem/web"
	"tandem/web/openfile"
)

// epoch is where the clock of looks begins, which is monotonic.
var epoch = time.Now()

// Look looks at the inode that a name has now. Of many requests for the same
// kept file one looks for all: a request takes over what another has seen since
// this one was received, which is as true an answer to it as its own look would
// be. One that has waited for something looks itself, because the file may have
// changed by what it waited for.
func Look(r *web.Request, links openfile.Links, name []byte, i *openfile.Info) openfile.Failure {
	if links.Check {
		return links.Stat(name, i)
	}
	return Of(r.Realm()).Lookup(name).Look(r, links, name, i)
}

// Look is Look of a name of which e is kept, if e is not nil.
func (e *Entry) Look(r *web.Request, links openfile.Links, name []byte, i *openfile.Info) openfile.Failure {
	if e == nil {
		return links.Stat(name, i)
	}
	if r.IsMain() && !r.HasWaited() {
		came := int64(r.Start.Sub(epoch))
		if e.seen.Load() < came {
			// The more requests have come before this look, the more it serves.
			flow.TakeTurns()
		}
		if e.seen.Load() > came {
			*i = e.Info
			return openfile.Failure{}
		}
	}
	began := int64(time.Since(epoch))
	failed := links.Stat(name, i)
	if failed.OK() && *i == e.Info {
		e.sawAt(began)
	}
	return failed
}

// sawAt notes that the file was still the same at that time, or later.
func (e *Entry) sawAt(at int64) {
	for {
		last := e.seen.Load()
		if last >= at || e.seen.CompareAndSwap(last, at) {
			return
		}
	}
}
