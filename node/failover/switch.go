package failover

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"tandem/internal/errorlog"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/handover"
)

// handover returns what a handover needs to know of the instances.
func (c *Config) handover() []handover.Instance {
	var list []handover.Instance
	for n, ic := range c.vrrp().Instances {
		i := c.Keepalived.Instances[n]
		list = append(list, handover.Instance{
			Name: i.Name, Addresses: slices.Concat(ic.Addresses, ic.Excluded), Bound: i.Tandem.DrainTimeout,
			Plain: i.VMAC == nil && i.IPVLAN == nil,
		})
	}
	return list
}

// Demote is -s demote: it hands over what this node is master of, and stays up
// as backup. It tells how that went.
func (f *Failover) Demote(out io.Writer) (code int) {
	f.log.log().Printf(errorlog.Notice, "demotion ordered, handing over")
	gone, stay := f.move.Away(context.Background(), nil, func() { f.router.Demote("") })
	for _, name := range gone {
		fmt.Fprintf(out, "tandem: [notice] (%s) handed over\n", name)
	}
	for _, name := range stay {
		fmt.Fprintf(out, "tandem: [error] (%s) stays master: nobody has taken over\n", name)
		code = 1
	}
	list, err := f.instances()
	if err != nil {
		fmt.Fprintf(out, "tandem: [error] %v\n", err)
		return 1
	}
	for _, i := range list {
		fmt.Fprintf(out, "tandem: [notice] %s\n", roleText(i))
	}
	return code
}

// instances returns how the VRRP instances stand.
func (f *Failover) instances() ([]vrrp.InstanceStatus, error) {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	s, err := f.router.Status(ctx)
	return s.Instances, err
}

func roleText(i vrrp.InstanceStatus) string {
	return fmt.Sprintf("(%s) is %v, priority %d: %s", i.Name, i.Role, i.Priority, i.Reason)
}

// promoteLimit is how long -s promote waits for the addresses.
const promoteLimit = 15 * time.Second

// Promote is -s promote: it ends a demotion and takes over from a master of
// lower priority. It tells how that went; that a better node stays master is no
// failure of a promotion that ends a demotion.
func (f *Failover) Promote(out io.Writer) (code int) {
	f.log.log().Printf(errorlog.Notice, "promotion ordered")
	demoted := map[string]bool{}
	list, err := f.instances()
	for _, i := range list {
		demoted[i.Name] = i.Demoted
	}
	f.router.Promote("")
	open := func(i vrrp.InstanceStatus) bool { return i.Role != fsm.Master && !outranked(i) }
	ctx, cancel := context.WithTimeout(context.Background(), promoteLimit)
	defer cancel()
	if err == nil {
		_, _ = f.router.Await(ctx, func(s vrrp.Status) bool { return !slices.ContainsFunc(s.Instances, open) }) // told below
		list, err = f.instances()
	}
	if err != nil {
		fmt.Fprintf(out, "tandem: [error] %v\n", err)
		return 1
	}
	for _, i := range list {
		switch {
		case i.Role == fsm.Master:
			fmt.Fprintf(out, "tandem: [notice] %s\n", roleText(i))
		case outranked(i):
			fmt.Fprintf(out, "tandem: [notice] (%s) stays %v: %v is master with priority %d, ours is %d; demote it there\n",
				i.Name, i.Role, i.Master, i.MasterPriority, i.Priority)
			if !demoted[i.Name] {
				code = 1
			}
		default:
			fmt.Fprintf(out, "tandem: [error] %s\n", roleText(i))
			code = 1
		}
	}
	return code
}

// outranked reports whether a backup has a master that wins against it.
func outranked(i vrrp.InstanceStatus) bool {
	return i.Role == fsm.Backup && i.Master.IsValid() &&
		(i.MasterPriority > i.Priority || i.MasterPriority == i.Priority && i.Source.Less(i.Master))
}
