package keepalivedconf

import (
	"tandem/keepalivedconf/text"
)

// complete checks what can be checked only when everything is read, and fills in the defaults that depend on it. The
// order is keepalived's, because an earlier check may change what a later one sees.
func (b *builder) complete() {
	b.checkScripts()
	for _, i := range b.cfg.Instances {
		b.minimum(i)
	}
	b.completeGroups()
	for _, i := range b.cfg.Instances {
		b.completeInstance(i)
	}
	b.checkVRIDs()
	b.completeGroupTracking()
	b.checkUnusedScripts()
	b.completeSyncDaemon()
	b.completeVirtualServers()
	b.checkCheckScripts()
	b.advise()
}

// minimum is what keepalived will not start an instance without.
func (b *builder) minimum(i *Instance) {
	switch {
	case i.VRID == 0:
		b.stops(i.Pos, "(%s) the virtual router id must be set", i.Name)
		b.hint("add `virtual_router_id N`, from 1 to 255 and the same on every node")
	case i.Interface == "" && !i.raw.unicast:
		b.stops(i.Pos, "(%s) Unknown interface!", i.Name)
		b.hint("add `interface NAME`, the interface that the adverts go out on")
	case i.Interface == "" && i.VMAC != nil:
		b.stops(i.Pos, "(%s) cannot use VMAC if no interface specified", i.Name)
	}
}

// completeGroups finds the members of sync groups and drops groups without any.
func (b *builder) completeGroups() {
	kept := b.cfg.Groups[:0]
	for _, g := range b.cfg.Groups {
		for _, name := range g.Names {
			switch i := b.instances[name]; {
			case i == nil:
				b.say(text.KindGeneral, g.Pos, "Virtual router %s specified in sync group %s doesn't exist - ignoring", name, g.Name)
			case i.Group != nil:
				b.say(text.KindGeneral, g.Pos, "Virtual router %s cannot exist in more than one sync group; ignoring %s", name, g.Name)
			default:
				i.Group = g
				g.Members = append(g.Members, i)
			}
		}
		switch len(g.Members) {
		case 0:
			b.say(text.KindGeneral, g.Pos, "Sync group %s, no matching virtual router found in group declaration - removing", g.Name)
			continue
		case 1:
			b.say(text.KindGeneral, g.Pos, "Sync group %s has only 1 virtual router(s) - this probably isn't what you want", g.Name)
		}
		kept = append(kept, g)
	}
	b.cfg.Groups = kept
}

func or[T any](value *T, fallback T) T {
	if value == nil {
		return fallback
	}
	return *value
}
