package outbox

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestOrder(t *testing.T) {
	var sent []int
	b := New(func(_ context.Context, v int) { sent = append(sent, v) }, func(n int) { t.Errorf("%d lost", n) })
	for i := range 10 {
		b.Put(i)
	}
	b.Close(time.Minute)
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(sent, want) {
		t.Errorf("sent %v", sent)
	}
}

// Who puts in does not wait, and the newest are kept.
func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []int
		lost := 0
		b := New(func(ctx context.Context, v int) {
			sent = append(sent, v)
			time.Sleep(time.Second)
		}, func(n int) { lost += n })
		b.Put(-1)
		synctest.Wait()
		begun := time.Now()
		for i := range Most + 7 {
			b.Put(i)
		}
		if time.Since(begun) > 0 {
			t.Error("it waited")
		}
		b.Close(time.Hour)
		if len(sent) != Most+1 || sent[0] != -1 || sent[1] != 7 || sent[Most] != Most+6 || lost != 7 {
			t.Errorf("%d sent: %v; %d lost", len(sent), sent, lost)
		}
	})
}

// Close ends what does not end by itself.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost, ended := 0, 0
		b := New(func(ctx context.Context, _ int) {
			<-ctx.Done()
			ended++
		}, func(n int) { lost += n })
		for i := range 3 {
			b.Put(i)
		}
		begun := time.Now()
		b.Close(5 * time.Second)
		if d := time.Since(begun); d != 5*time.Second || lost != 2 || ended != 1 {
			t.Errorf("after %v: %d lost, %d ended", d, lost, ended)
		}
	})
}

// A value whose sending panics does not keep the next from being sent.
func TestPanic(t *testing.T) {
	var sent []int
	b := New(func(_ context.Context, v int) {
		if v == 1 {
			panic("cannot be sent")
		}
		sent = append(sent, v)
	}, func(n int) { t.Errorf("%d lost", n) })
	for i := range 3 {
		b.Put(i)
	}
	b.Close(time.Minute)
	if !slices.Equal(sent, []int{0, 2}) {
		t.Errorf("sent %v", sent)
	}
}
