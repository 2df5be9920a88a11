package stubstatus_test

import (
	"testing"

	"tandem/web/webtest"
)

func TestMain(m *testing.M) { webtest.Main(m) }
