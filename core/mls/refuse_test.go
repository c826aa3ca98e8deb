package mls

import "testing"

// Forgeries without a fault are accepted: what the other tests see refused is
// refused for what is wrong with it, not for how it was made.
func TestForgeryWithoutFaultIsAccepted(t *testing.T) {
	s := newScene(t)
	for name, f := range map[string]forgery{
		"empty":   {},
		"private": {private: true},
		"add":     {proposals: byValue(newKeyPackage(t, s.newcomer(t)).add()), noPath: true},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.bob.Process(f.commit(t, s.mallory)); err != nil {
				t.Errorf("Process() = %v", err)
			}
		})
	}
}

// The same for encrypted messages.
func TestForgedPrivateMessageWithoutFaultIsAccepted(t *testing.T) {
	s := newScene(t)
	for range 2 {
		received, err := s.bob.Process(privateWith(t, s.mallory, nil, nil))
		if err != nil {
			t.Fatalf("Process() = %v", err)
		}
		if got := string(received.(*Application).Plaintext); got != "hello" {
			t.Errorf("plaintext = %q, want hello", got)
		}
	}
}
