package exchange

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/answer"
	"tandem/session"
	"tandem/web"
	"tandem/web/message"
	"tandem/web/openfile"
)

// store says which responses become files.
type store struct {
	path *session.Template // nil: where root or alias have the request's path
}

var errEmptyPath = errors.New("empty path")

// readStore reads proxy_store on | off | path.
func readStore(prefix string, get func(*nc.Scope) *Settings) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := &get(s).Store
		switch {
		case v.Set:
			return nc.ErrDuplicate
		case d.Args[0] != "off" && get(s).Cache.Use.V != nil:
			return fmt.Errorf("is incompatible with \"%s_cache\"", prefix)
		}
		v.Set = true
		switch d.Args[0] {
		case "off":
			return nil
		case "":
			return errEmptyPath
		case "on":
			v.V = new(store)
			return nil
		}
		t, err := web.BlockOf(s).HTTP.Template(d, d.Args[0])
		v.V = &store{path: t}
		return err
	}
}

// keepsOn reports whether the back end's response is read to its end even if
// the client leaves.
func (x *Exchange) keepsOn() bool {
	return x.Settings.IgnoreClientAbort.V || x.Settings.Store.V != nil || x.Request.Background || x.Caches()
}

// beginCopy prepares to copy the response, if it is to be stored.
func (x *Exchange) beginCopy() {
	if x.kept != nil {
		x.beginKeeping()
		return
	}
	st, r := x.Settings.Store.V, x.Request
	if st == nil || !x.Buffering || x.Head.Status != 200 || r.HeaderOnly && x.Done {
		return
	}
	var to []byte
	if st.path != nil {
		to = st.path.Value(&r.Session)
	} else {
		path, ok := r.MapPath(r.Scratch())
		defer r.Unscratch(path)
		if !ok {
			return
		}
		to = path
	}
	if len(to) > 0 {
		x.copy = &answer.Copy{To: string(to), Create: x.createTemp}
	}
}

// createTemp makes a temporary file for a response.
func (x *Exchange) createTemp() (*os.File, error) { return x.Request.CreateTemp(x.Settings.TempPath.V) }

// copyBody writes a piece of the body to the copy and returns where in the file
// it is; -1 without a copy. That a copy cannot be written is no reason to give up
// the response.
func (x *Exchange) copyBody(data []byte) (off int64) {
	if !x.copy.Live() || len(data) == 0 {
		return -1
	}
	off, err := x.copy.Write(data)
	if err != nil {
		x.reportCopy(err)
	}
	return off
}

// reportCopy says why a response could not be copied.
func (x *Exchange) reportCopy(err error) {
	if x.kept == nil || x.kept.Reports(err) {
		x.log(logCrit, reading, "%s", openfile.ChangeError(err))
	}
}

// keepCopy gives the copy of a complete response its place.
func (x *Exchange) keepCopy() {
	if !x.copy.Live() {
		return
	}
	if x.kept != nil {
		x.keep()
		return
	}
	if n := x.Head.ContentLength; n >= 0 && n != x.copy.Size() {
		return
	}
	access := x.Settings.StoreAccess.V
	move := openfile.Move{Access: access, FolderAccess: access, CreatePath: true}
	if f := x.Head.Get(answer.FieldLastModified); f != nil {
		if t, ok := message.ParseTime(f.Value); ok {
			move.Modified = time.Unix(t, 0)
		}
	}
	if err := x.copy.Keep(move); err != nil {
		x.reportCopy(err)
	}
}

// endCopy ends what beginCopy began.
func (x *Exchange) endCopy() {
	if x.copy != nil {
		x.copy.Close()
		x.copy = nil
	}
}

// defaultStoreAccess is for the user alone.
const defaultStoreAccess = fs.FileMode(0o600)
