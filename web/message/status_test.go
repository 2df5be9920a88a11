package message

import "testing"

func TestStatusText(t *testing.T) {
	if StatusText(404) != "Not Found" || StatusText(418) != "" {
		t.Error(StatusText(404), StatusText(418))
	}
}
