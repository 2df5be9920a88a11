package mail

// kind is what a mail is about.
type kind struct {
	name  string
	facts map[string]fact // by state
}

// fact is what a mail says of a state.
type fact struct{ subject, body string }

// key tells what mails are about apart.
func (k kind) key(name string) string { return k.name + " " + name }

// What keepalived's mails say.
var (
	kindInstance = kind{"VRRP Instance", map[string]fact{
		"MASTER":  {"Entering MASTER state", "=> VRRP Instance is now owning VRRP VIPs <="},
		"BACKUP":  {"Entering BACKUP state", "=> VRRP Instance is no longer owning VRRP VIPs <="},
		"FAULT":   {"Entering FAULT state", "=> VRRP Instance is no longer owning VRRP VIPs <="},
		"STOP":    {"Stopping", "=> VRRP Instance stopping <="},
		"DELETED": {"Deleted", "=> VRRP Deleted at reload <="},
	}}
	kindGroup = kind{"VRRP Group", map[string]fact{
		"MASTER": {"Entering MASTER state", "=> All VRRP group instances are now in MASTER state <="},
		"BACKUP": {"Entering BACKUP state", "=> All VRRP group instances are now in BACKUP state <="},
		"FAULT":  {"Entering FAULT state", "=> All VRRP group instances are now in FAULT state <="},
		"STOP":   {"Stopping", "=> All VRRP group instances are now stopping <="},
	}}
)
