package failover

import "strings"

// LeftoversFile is where a handover notes what is to be undone if the process
// dies.
func LeftoversFile(pidFile string) string { return strings.TrimSuffix(pidFile, ".pid") + ".handover" }
