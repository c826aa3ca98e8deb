package account_test

import (
	"testing"

	"conclave/core/account"
	"conclave/core/identity"
	"conclave/core/secret"
)

// start is the time at which everything begins, in milliseconds since 1970.
const start = 1_800_000_000_000

// cheap is a cost of Argon2id for tests.
var cheap = account.Cost{Time: 1, Memory: 8, Threads: 1}

// A person is a user with one device.
type person struct {
	user     identity.UserID
	identity *account.IdentityKey
	device   *account.DeviceKey
}

func newPerson(t testing.TB, n byte) *person {
	t.Helper()
	seed := func(kind byte) secret.Value { return secret.New([]byte{31: kind, 0: n}) }
	id, err := account.NewIdentityKey(seed(1))
	if err != nil {
		t.Fatal(err)
	}
	device, err := account.NewDeviceKey(seed(2))
	if err != nil {
		t.Fatal(err)
	}
	return &person{identity.UserID{n}, id, device}
}

// party returns p as a side of a verification with their identity key.
func (p *person) party() account.Party {
	return account.Party{
		User: p.user, Device: p.device.ID(),
		Fingerprint: account.IdentityFingerprint(p.user, p.identity.Public()),
	}
}

// record returns the person's version 0.
func (p *person) record(t testing.TB) *identity.Record {
	t.Helper()
	d, err := p.device.Device(p.user, account.DeviceInfo{
		Class: identity.Native, Name: "phone", Added: start, AddedBy: p.device.ID(),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := account.FirstRecord(p.user, "grace", "Grace", start, d)
	if err := p.identity.Sign(r); err != nil {
		t.Fatal(err)
	}
	return r
}

func checkpoint(size uint64, root byte) account.Checkpoint {
	return account.Checkpoint{Origin: account.OriginHash("example.org"), Size: size, Root: [32]byte{root}}
}
