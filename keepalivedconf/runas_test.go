package keepalivedconf

import (
	"os"
	"testing"
)

func TestScriptUser(t *testing.T) {
	c := &Config{}
	args := []string{"x"}
	if a := c.RunsAs(Command{Args: args}); a != nil && account(defaultScriptUser, "", false) == nil {
		t.Errorf("without any user: %+v", a)
	}
	if a := account("root", "", false); a == nil || a.UID != 0 || a.GID != 0 || a.Groups != nil {
		t.Errorf("root: %+v", a)
	}
	if a := c.RunsAs(Command{Args: args, User: "no-such-user"}); a == nil || a.UID != -1 {
		t.Errorf("a user that does not exist: %+v", a)
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return // other systems number their users otherwise
	}
	c.Global.ScriptUser, c.Global.ScriptGroup = "nobody", "daemon"
	if a := c.RunsAs(Command{Args: args}); a == nil || a.UID != 65534 || a.GID != 1 {
		t.Errorf("script_user nobody daemon: %+v", a)
	}
	if a := c.RunsAs(Command{Args: args, User: "daemon"}); a == nil || a.UID != 1 || a.GID != 1 {
		t.Errorf("its own user: %+v", a)
	}
}
