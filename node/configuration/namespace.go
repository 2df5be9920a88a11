package configuration

import (
	"fmt"

	"tandem/internal/process"
	"tandem/keepalivedconf"
)

// EnterNamespace goes on in the network namespace that net_namespace names, if
// there is one: the program begins anew there.
func EnterNamespace(k *keepalivedconf.Config) error {
	if k == nil || k.Global.NetNamespace == "" {
		return nil
	}
	name := k.Global.NetNamespace
	if err := process.Enter(name); err != nil {
		return fmt.Errorf("net_namespace %s in %v: %w; `ip netns add %s` makes one", name, k.Global.NetNamespacePos, err, name)
	}
	return nil
}
