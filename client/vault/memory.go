package vault

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Memory is a Database that forgets everything when the program ends. Make one
// with [NewMemory].
type Memory struct {
	mu     sync.Mutex
	values map[string][]byte
}

var _ Database = (*Memory)(nil)

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{values: make(map[string][]byte)} }

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, key string) ([]byte, error) {
	if err := check(ctx, key, nil); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	if !ok {
		return nil, ErrMissing
	}
	return slices.Clone(v), nil
}

// Put implements [Store].
func (m *Memory) Put(ctx context.Context, key string, value []byte) error {
	if err := check(ctx, key, value); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = append([]byte{}, value...)
	return nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key, nil); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.values[key])
	delete(m.values, key)
	return nil
}

// Keys implements [Store].
func (m *Memory) Keys(ctx context.Context, prefix string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(m.values)) {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Apply implements [Database].
func (m *Memory) Apply(ctx context.Context, changes []Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := CheckChanges(changes); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if c.Value == nil {
			clear(m.values[c.Key])
			delete(m.values, c.Key)
			continue
		}
		m.values[c.Key] = append([]byte{}, c.Value...)
	}
	return nil
}

// Range implements [Database]. It sorts all keys of the range each time.
func (m *Memory) Range(ctx context.Context, from, to string, limit int, reverse bool) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := CheckLimit(limit); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for k := range m.values {
		if k >= from && (to == "" || k < to) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if reverse {
		slices.Reverse(keys)
	}
	entries := make([]Entry, 0, min(limit, len(keys)))
	for _, k := range keys[:min(limit, len(keys))] {
		entries = append(entries, Entry{k, append([]byte{}, m.values[k]...)})
	}
	return entries, nil
}

func check(ctx context.Context, key string, value []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := CheckKey(key); err != nil {
		return err
	}
	return CheckValue(value)
}
