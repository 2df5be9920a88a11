package limit

import (
	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
)

var logLevels = []nc.Name{
	{Name: "info", Value: int(errorlog.Info)}, {Name: "notice", Value: int(errorlog.Notice)},
	{Name: "warn", Value: int(errorlog.Warn)}, {Name: "error", Value: int(errorlog.Error)},
}

// outcome is what became of a request, as $limit_req_status and
// $limit_conn_status tell it.
type outcome string

// The outcomes.
var (
	passed         outcome = "PASSED"
	delayed        outcome = "DELAYED"
	rejected       outcome = "REJECTED"
	delayedDryRun  outcome = "DELAYED_DRY_RUN"
	rejectedDryRun outcome = "REJECTED_DRY_RUN"
)

// statusVariable is the value that a module left in the main request.
func statusVariable(record session.Record[outcome]) session.Getter {
	return func(s *session.Session, dst []byte) ([]byte, bool) {
		o := record.Of(s.Main())
		if o == nil {
			return dst, false
		}
		return append(dst, *o...), true
	}
}
