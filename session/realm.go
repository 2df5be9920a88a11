package session

import (
	"context"
	"io"
	"sync"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/internal/logfile"
	"tandem/internal/pki"
	nc "tandem/nginxconf"
)

// Realm is an http or stream block as it was read: what its modules share by
// name. It is never changed once sessions use it. The fields that are exported
// are set before it is read.
type Realm struct {
	Log     *errorlog.Log
	Prefix  string  // -p, with a final slash: what relative file names are relative to
	OpenLog OpenLog // opens the target of an error_log directive
	// OpenAccessLog opens the target of an access_log directive: a file by
	// its full name, "syslog:..." or, with an empty name, the default log.
	OpenAccessLog func(name string, opts logfile.Options) (io.Writer, error)
	// OpenNamedLogs opens a writer for access logs with variables in the name.
	OpenNamedLogs func(logfile.CacheOptions) *logfile.Named
	// TempRoot returns the full name of a default folder for temporary files,
	// such as "client_body_temp". nil: it is below Prefix.
	TempRoot func(name string) string
	// Previous is the realm that this one takes the place of at a reload, for
	// modules whose state outlives configurations; it is there while the block is
	// read. nil: there is none.
	Previous *Realm

	// PKI is what the block has read of certificates and the like.
	PKI pki.Files

	// TLS is set by the module that configures it.
	TLS TLS

	host                    Host
	background              []func(context.Context)
	settings                Settings // nil: there is no such block
	variables               variableTable
	regexes                 map[regexKey]*Regex
	zones                   map[string]*Zone
	tempNamed, tempDefaults []string
}

// OpenLog returns the target of an error_log or access log directive: a file,
// "stderr", "syslog:...". The process gives it, because files are shared and
// reopened together.
type OpenLog func(s *nc.Scope, d *nc.Directive) (errorlog.Target, error)

// Empty reports whether the configuration has no such block; there are no
// settings then.
func (r *Realm) Empty() bool { return r.settings == nil }

// Begin makes the realm ready for the block of a server to be read.
func (r *Realm) Begin(host Host) {
	if r.Previous != nil && r.Previous.Empty() {
		r.Previous = nil
	}
	if r.Previous != nil {
		r.PKI.Previous = &r.Previous.PKI
	}
	r.host, r.settings = host, realmSlots.Make()
	r.variables = variableTable{byName: make(map[string]*variable), families: make(map[string]*Variable)}
}

// Finish ends the reading: names that were used before they were defined get
// their meaning.
func (r *Realm) Finish(s *nc.Scope) {
	r.variables.resolve(s)
	r.Previous, r.PKI.Previous = nil, nil
}

// Background has run called, on a goroutine of its own, for as long as the
// configuration is at work: ctx ends when it is replaced. For use by Module.Init.
func (r *Realm) Background(run func(ctx context.Context)) { r.background = append(r.background, run) }

// Run runs what runs in the background until ctx ends.
func (r *Realm) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, run := range r.background {
		all.Go(func() { contain.Loop(ctx, "a task of the configuration", func() { run(ctx) }) })
	}
	all.Wait()
}

var realmSlots Slots

// RealmSlot holds a module's settings of the block itself.
type RealmSlot[T any] struct{ slot Slot[T] }

// NewRealmSlot makes a slot in every realm. Call it in a package variable.
func NewRealmSlot[T any]() RealmSlot[T] { return RealmSlot[T]{NewSlot[T](&realmSlots, nil)} }

// Of returns the module's settings in r.
func (s RealmSlot[T]) Of(r *Realm) *T { return s.slot.In(r.settings) }
