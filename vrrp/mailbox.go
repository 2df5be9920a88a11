package vrrp

import "sync"

// mailbox carries values from goroutines that must not wait to one that takes them in order. It has no bound: what
// goes through one is rare (changes of role, of addresses, of configuration), and none of it may be lost.
type mailbox[T any] struct {
	mu     sync.Mutex // never held while anything waits
	values []T
	closed bool
	wake   chan struct{}
}

func newMailbox[T any]() *mailbox[T] { return &mailbox[T]{wake: make(chan struct{}, 1)} }

// put adds a value. After close it does nothing.
func (m *mailbox[T]) put(v T) {
	m.mu.Lock()
	if !m.closed {
		m.values = append(m.values, v)
	}
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox[T]) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take returns what is there, and whether more can come. It does not wait.
func (m *mailbox[T]) take() (values []T, open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values, m.values = m.values, nil
	return values, !m.closed
}

// close ends the mailbox; what is in it can still be taken.
func (m *mailbox[T]) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.signal()
}

// serve calls f with every value, in order, until the mailbox is closed and empty.
func (m *mailbox[T]) serve(f func(T)) {
	for {
		values, open := m.take()
		for _, v := range values {
			f(v)
		}
		if len(values) == 0 {
			if !open {
				return
			}
			<-m.wake
		}
	}
}
