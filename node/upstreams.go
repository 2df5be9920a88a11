package node

import (
	"errors"
	"fmt"
	"io"
	"os"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/internal/rootfile"
	"tandem/proxy/block"
)

// Exit codes of a change of an upstream, beside 0 for one that was made.
const (
	changeRefused  = 1 // it makes no sense
	changeNotFound = 4 // there is no such upstream or server
	changeNotKept  = 5 // it is in force, but the state file could not be written
)

// changeUpstream changes a server of an upstream; it returns the client's exit code.
func (n *node) changeUpstream(out io.Writer, words []string) int {
	force := n.inForce.Load()
	if force == nil || len(words) < 4 || words[0] != "http" && words[0] != "stream" {
		fmt.Fprintln(out, "tandem: [error] what is to be changed is not understood")
		return changeRefused
	}
	realm := &force.configuration.HTTP.Realm
	if words[0] == "stream" {
		realm = &force.configuration.Stream.Realm
	}
	// Not while a configuration takes the place of another. One that has been read
	// already does not have the change; the file has.
	n.changing.RLock()
	defer n.changing.RUnlock()
	o := block.Order{Upstream: words[1], Verb: words[2], Server: words[3], Params: words[4:]}
	file, text, err := block.Change(realm, o)
	switch {
	case errors.Is(err, block.ErrNoUpstream), errors.Is(err, block.ErrNoServer):
		fmt.Fprintf(out, "tandem: [error] %v\n", err)
		return changeNotFound
	case err != nil:
		fmt.Fprintf(out, "tandem: [error] %v\n", err)
		return changeRefused
	}
	n.notice("upstream %s: %s %s %q", o.Upstream, o.Verb, o.Server, o.Params)
	if file == "" {
		fmt.Fprintln(out, "done; a reload undoes it, for the upstream has no state file")
		return 0
	}
	privilege.Raise(func() { err = replaceFile(file, text) })
	if err != nil {
		n.inForce.Load().configuration.Log.Printf(errorlog.Error, "state file: %v", err)
		fmt.Fprintf(out, "tandem: [error] done, but a reload undoes it: %v\n", err)
		return changeNotKept
	}
	fmt.Fprintln(out, "done")
	return 0
}

// replaceFile gives a file another text, so that whoever reads it sees the one or
// the other.
func replaceFile(name, text string) error {
	temp := name + ".new"
	f, err := rootfile.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(temp, name)
	}
	return err
}
