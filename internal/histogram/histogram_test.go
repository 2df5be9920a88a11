package histogram

import (
	"testing"
	"time"
)

func TestBucketsIncludeTheirBound(t *testing.T) {
	for d, want := range map[time.Duration]int{
		-time.Second: 0, 0: 0, time.Millisecond: 0, time.Millisecond + 1: 1, time.Second: 9, 10 * time.Second: 12, 10*time.Second + 1: 13, time.Hour: 13,
	} {
		if got := Bucket(d); got != want {
			t.Errorf("%v is in bucket %d, want %d", d, got, want)
		}
	}
	var c Counts
	c.Add(time.Second)
	c.Add(time.Hour)
	if c.Buckets[9] != 1 || c.Buckets[Buckets-1] != 1 || c.Sum != time.Hour+time.Second {
		t.Errorf("%+v", c)
	}
}
