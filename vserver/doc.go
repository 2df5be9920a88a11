// Package vserver decides what keepalived's virtual servers come to: which real
// servers are in, with which weight, whether there is a quorum, and whether the
// sorry server stands in. State is pure: it is told what checks find, and returns
// what has happened and which table an engine is to serve. Around it a Pool runs
// the checks, sets the table and tells programs and people.
package vserver

import (
	"tandem/health/check"
	"tandem/internal/child"
	"tandem/keepalivedconf"
	"tandem/vserver/table"
)

// Server is a virtual server as it is configured.
type Server struct {
	Name string // as keepalived's log has it: [192.0.2.1]:tcp:80
	// Services are what clients come to, without destinations: one, or those of a
	// group.
	Services []table.Service
	Group    string // virtual_server_group; "": none
	Real     []*Real
	Sorry    *Real // nil: none

	Quorum, Hysteresis int
	Omega              bool // the end of the process is told as well
	// HASuspend has the checks wait while this host does not have the address.
	HASuspend bool

	QuorumUp, QuorumDown *child.Command // nil: none
	SMTPAlert            bool

	Engine keepalivedconf.Engine // which one is to serve it
}

// Real is a real server, or a sorry server.
type Real struct {
	Name        string // as keepalived's log has it
	Destination table.Destination
	Weight      int  // as configured
	Inhibit     bool // it stays in with weight 0 when it fails
	Checks      []*Check

	Up, Down  *child.Command // nil: none
	SMTPAlert bool
}

// Check is a check of a real server.
type Check struct {
	Spec check.Spec
	// Key is what the check is known by in another configuration.
	Key string
	// File is the track_file of a FILE_CHECK.
	File string
}

// Options are what holds for all virtual servers.
type Options struct {
	InitNotifies bool // real servers that are up at the start are told, too (rs_init_notifies)
	// NoEmails: a check that fails is mailed only if the real server goes up or down
	// by it (no_checker_emails).
	NoEmails bool
}
