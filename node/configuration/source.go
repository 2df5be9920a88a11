package configuration

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"tandem/stream"
	"tandem/web"
)

// Source says where a configuration is, and which modules its directives come
// from: what the command line says of it.
type Source struct {
	Prefix     string // of relative names; ends in "/"
	Nginx      string // nginx.conf
	ErrorLog   string // the main level's, where no error_log says otherwise; "stderr" for standard error
	Globals    string // directives outside of nginx.conf
	Keepalived string // keepalived.conf: "" for none
	ConfigID   string // of @id lines in keepalived.conf
	Modules    Modules

	// KeepalivedOnly: the process has taken the place of keepalived alone. nil: of
	// nginx, and of keepalived if there is a keepalived.conf.
	KeepalivedOnly *KeepalivedOnly
	Namespace      string // in place of net_namespace
	AllFiles       bool   // a file that keepalived.conf includes and that is missing is an error
	DumpKeepalived bool   // what has been read is logged at the start
}

// KeepalivedOnly is what the command line of a process says that reads no
// nginx.conf: Nginx is empty, and Globals says the little that it would say.
type KeepalivedOnly struct {
	VRRP        bool   // VRRP is to run
	Checkers    bool   // virtual servers are to run
	VRRPPIDFile string // names the same process as the pid file; "": none
}

// Modules are the features of the servers, in the order in which their handlers
// and filters run.
type Modules struct {
	HTTP   []*web.Module
	Stream []*stream.Module
}

// The places of Debian's nginx, where most boxes have their files. With -p,
// relative names count from there, as in nginx built from source.
const (
	DefaultPrefix     = "/usr/share/nginx/"
	DefaultNginx      = "/etc/nginx/nginx.conf"
	DefaultErrorLog   = "/var/log/nginx/error.log"
	defaultAccessLog  = "/var/log/nginx/access.log"
	defaultPID        = "/run/nginx.pid"
	defaultTempRoot   = "/var/lib/nginx/"
	DefaultKeepalived = "/etc/keepalived/keepalived.conf"
	DefaultID         = "tandem"
)

// Complete fills in what the command line left out and makes names absolute.
func (o *Source) Complete() error {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
		o.Nginx = orDefault(o.Nginx, DefaultNginx)
		o.ErrorLog = orDefault(o.ErrorLog, DefaultErrorLog)
	} else {
		full, err := filepath.Abs(o.Prefix)
		if err != nil {
			return errors.New("getcwd() failed")
		}
		o.Prefix = strings.TrimRight(full, "/") + "/"
		o.Nginx = orDefault(o.Nginx, "conf/nginx.conf")
		o.ErrorLog = orDefault(o.ErrorLog, "logs/error.log")
	}
	o.Nginx = o.Path(o.Nginx)
	if o.ErrorLog != "stderr" {
		o.ErrorLog = o.Path(o.ErrorLog)
	}
	if o.Keepalived != "" {
		o.Keepalived = o.Path(o.Keepalived)
	} else if _, err := os.Stat(DefaultKeepalived); err == nil {
		o.Keepalived = DefaultKeepalived
	}
	return nil
}

func orDefault(s, dflt string) string {
	if s == "" {
		return dflt
	}
	return s
}

// Path returns the full name of a file that is relative to the prefix.
func (o *Source) Path(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return o.Prefix + name
}

// PIDFile returns the default of the pid directive.
func (o *Source) PIDFile() string {
	if o.Prefix == DefaultPrefix {
		return defaultPID
	}
	return o.Prefix + "logs/nginx.pid"
}

// AccessLog returns the default of the access_log directive.
func (o *Source) AccessLog() string {
	if o.Prefix == DefaultPrefix {
		return defaultAccessLog
	}
	return o.Prefix + "logs/access.log"
}

// TempFolder returns the full name of a default folder for temporary files:
// "proxy_temp" below the prefix, or where Debian has it.
func (o *Source) TempFolder(name string) string {
	if o.Prefix == DefaultPrefix {
		return defaultTempRoot + strings.TrimPrefix(strings.TrimSuffix(name, "_temp"), "client_")
	}
	return o.Prefix + name
}

// Pid files of keepalived and of its VRRP process, as Debian's has them.
const (
	KeepalivedPID = "/run/keepalived.pid"
	VRRPPID       = "/run/vrrp.pid"
)

// OtherPIDFiles returns the files, beside the pid file, by which others find the
// process: those of keepalived where it has taken its place.
func (c *Configuration) OtherPIDFiles() []string {
	var names []string
	switch only := c.Source.KeepalivedOnly; {
	case only != nil:
		if only.VRRPPIDFile != "" && c.HasInstances() {
			names = append(names, only.VRRPPIDFile)
		}
	case c.HasInstances() && c.Source.Prefix == DefaultPrefix && c.Source.Keepalived == DefaultKeepalived:
		names = append(names, KeepalivedPID, VRRPPID)
	}
	return names
}
