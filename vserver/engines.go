package vserver

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"tandem/keepalivedconf"
	"tandem/vserver/table"
)

// Kind is one of the engines.
type Kind uint8

// The engines.
const (
	Kernel Kind = iota // the kernel's IP Virtual Server
	User               // this process
)

func (k Kind) String() string { return [...]string{"kernel", "user"}[k] }

// Engines are those that serve virtual servers. They are opened when there is
// something for them.
type Engines struct {
	// OpenKernel and OpenUser open one; an error says why there is none.
	OpenKernel, OpenUser func() (table.Engine, error)

	mu           sync.Mutex // an engine is for one goroutine at a time
	kernel, user table.Engine
	missing      error   // why there is no kernel's
	looked       bool    // for the kernel's
	used         [2]bool // there was something for the engine
}

// Choose says for each virtual server which engine serves it, and why if that is
// not the one that was asked for. It opens the kernel's if any wants that.
func (e *Engines) Choose(servers []*Server) (lines []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, v := range servers {
		if v.Engine != keepalivedconf.EngineUser {
			e.look()
		}
		line := "virtual server " + v.Name
		switch {
		case e.kindOf(v) == Kernel && e.missing == nil:
			line += " is served by the kernel's IP Virtual Server"
		case e.kindOf(v) == Kernel:
			line += fmt.Sprintf(" cannot be served: %v", e.missing)
		case v.Engine == keepalivedconf.EngineUser:
			line += " is served by this process"
		default:
			line += fmt.Sprintf(" is served by this process: %v", e.missing)
		}
		lines = append(lines, line)
	}
	return lines
}

func (e *Engines) look() {
	if e.looked {
		return
	}
	e.looked = true
	e.kernel, e.missing = e.OpenKernel()
}

// of returns the engine of a virtual server: that of the kernel if there is one, or
// if it is asked for.
func (e *Engines) of(v *Server) Kind {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kindOf(v)
}

func (e *Engines) kindOf(v *Server) Kind {
	switch v.Engine {
	case keepalivedconf.EngineUser:
		return User
	case keepalivedconf.EngineKernel:
		return Kernel
	}
	if e.missing != nil {
		return User
	}
	return Kernel
}

// set sets the tables of both. An engine that never had anything is left alone.
func (e *Engines) set(tables [2]table.Table) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, kind := range []Kind{User, Kernel} {
		if len(tables[kind].Services) == 0 && !e.used[kind] {
			continue
		}
		e.used[kind] = true
		if kind == User && e.user == nil {
			one, err := e.OpenUser()
			if err != nil {
				errs = append(errs, err)
				continue
			}
			e.user = one
		}
		one := e.user
		if kind == Kernel {
			if one = e.kernel; one == nil {
				errs = append(errs, e.missing)
				continue
			}
		}
		errs = append(errs, one.Set(tables[kind]))
	}
	return errors.Join(errs...)
}

// Cut resets the connections to addresses that this host gives up, as far as they
// are this process's: the kernel's go on at the node that takes over, if that is
// told of them.
func (e *Engines) Cut(addrs []netip.Addr) {
	e.mu.Lock()
	user, ok := e.user.(interface{ Cut([]netip.Addr) })
	e.mu.Unlock()
	if ok {
		user.Cut(addrs)
	}
}

// counts are what has been counted, by service.
type counts map[table.Key]table.ServiceStats

// stats returns what both have counted.
func (e *Engines) stats() counts {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := counts{}
	for _, one := range []table.Engine{e.kernel, e.user} {
		if one == nil {
			continue
		}
		list, err := one.Stats()
		if err != nil {
			continue // a report without numbers is better than none
		}
		for _, s := range list {
			all[s.Service] = s
		}
	}
	return all
}

func (e *Engines) close(log func(string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range []table.Engine{e.kernel, e.user} {
		if one == nil {
			continue
		}
		if err := one.Close(); err != nil {
			log(err.Error())
		}
	}
}
