package mls_test

import (
	"fmt"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
)

// Alice creates a group, adds Bob, and sends him a message.
func Example() {
	client := func(name string) *mls.Client {
		c, err := mls.NewClient(mls.Config{
			Credential:   mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(name)},
			Authenticate: func(mls.Identity) error { return nil }, // a real one looks the key up
			Now:          time.Now,
		})
		must(err)
		return c
	}
	bobKeys, err := client("bob").NewKeyPackage()
	must(err)

	alice, err := client("alice").CreateGroup(nil, nil)
	must(err)
	commit, err := alice.Commit(mls.CommitOptions{Add: [][]byte{bobKeys.Bytes()}})
	must(err)
	must(alice.MergeCommit()) // once the delivery service has accepted commit.Message
	bob, err := bobKeys.Join(commit.Welcomes[0].Message, mls.JoinOptions{})
	must(err)

	message, err := alice.Protect([]byte("Hello, Bob!"), nil)
	must(err)
	received, err := bob.Process(message)
	must(err)
	fmt.Printf("%s: %s\n", received.(*mls.Application).Credential.Identity, received.(*mls.Application).Plaintext)
	// Output: alice: Hello, Bob!
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
