package mls_test

import (
	"errors"
	"testing"
	"time"

	"conclave/core/mls"
	"conclave/core/mlswire"
)

// TestCheckKeyPackage checks that a KeyPackage is judged before there is a group.
func TestCheckKeyPackage(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	refusal := errors.New("not listed")
	var verdict error
	client := func(who string) *mls.Client {
		c, err := mls.NewClient(mls.Config{
			Credential:   mlswire.Credential{Type: mlswire.CredentialTypeBasic, Identity: []byte(who)},
			Now:          func() time.Time { return now },
			Authenticate: func(mls.Identity) error { return verdict },
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ada, bob := client("ada"), client("bob")
	k, err := bob.NewKeyPackage()
	if err != nil {
		t.Fatal(err)
	}
	good := k.Bytes()
	got, err := ada.CheckKeyPackage(good)
	if err != nil || string(got.LeafNode.Credential.Identity) != "bob" {
		t.Fatalf("CheckKeyPackage = %v", err)
	}
	verdict = refusal
	if _, err := ada.CheckKeyPackage(good); !errors.Is(err, mls.ErrCredential) {
		t.Errorf("refused by Authenticate: %v", err)
	}
	verdict = nil
	forged := *got
	forged.Extensions = append(forged.Extensions, mlswire.Extension{Type: 0x000a})
	m := mlswire.Message{Version: mlswire.MLS10, WireFormat: mlswire.WireFormatKeyPackage, KeyPackage: &forged}
	if _, err := ada.CheckKeyPackage(m.Marshal()); !errors.Is(err, mls.ErrKeyPackageSignature) {
		t.Errorf("changed: %v", err)
	}
	if _, err := ada.CheckKeyPackage(good[:len(good)-1]); err == nil {
		t.Error("cut off: accepted")
	}
	now = now.Add(mls.DefaultLifetime + time.Second)
	if _, err := ada.CheckKeyPackage(good); !errors.Is(err, mls.ErrLifetime) {
		t.Errorf("expired: %v", err)
	}
	g, err := ada.CreateGroup(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := g.GroupInfo(true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ada.CheckKeyPackage(info); !errors.Is(err, mls.ErrNotGroupMessage) {
		t.Errorf("a GroupInfo: %v", err)
	}
}
