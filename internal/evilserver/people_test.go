package evilserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"conclave/api"
	"conclave/auth"
	"conclave/client/account"
	"conclave/client/directory"
	"conclave/client/remote"
	"conclave/client/remote/native"
	"conclave/client/vault"
	"conclave/core/identity"
	"conclave/core/keytrans"
	"conclave/core/keytrans/keytranstest"
	"conclave/server"
)

const (
	lookupRoute  = "POST /api/v1/directory/lookup"
	monitorRoute = "POST /api/v1/directory/monitor"
	password     = "correct horse battery staple"
)

// quick is a server without waits, for which passwords cost next to nothing.
func quick() server.Config {
	return server.Config{
		MediaListen: "127.0.0.1:0",
		Accounts: server.AccountsConfig{
			MinInterval: time.Millisecond,
			Limits:      auth.Limits{AddressPerMinute: 1 << 20, AccountPerMinute: 1 << 20, GlobalPerSecond: 1 << 20},
			Cost:        auth.Cost{MemoryKiB: 64, Time: 1},
		},
	}
}

// A device is a real client of a front.
type device struct {
	*account.Account
	t     *testing.T
	front *Front
	vault vault.Store
	ahead time.Duration // of its clock
	words []string      // of the recovery code
}

// newDevice returns a device that nobody has used yet.
func newDevice(t *testing.T, f *Front, name string) *device {
	t.Helper()
	d := &device{t: t, front: f, vault: vault.NewMemory()}
	doer, err := native.New(native.Config{Server: f.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(doer.Close)
	d.Account, err = account.Open(t.Context(), account.Config{
		Server: remote.New(doer), Vault: d.vault, Class: identity.Native, DeviceName: name, TestOnlyCheap: true,
		Now: func() time.Time { return time.Now().Add(d.ahead) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// register makes an account that is ready.
func register(t *testing.T, f *Front, handle string) *device {
	t.Helper()
	return registerAhead(t, f, handle, 0)
}

// registerAhead is register by a device whose clock is ahead.
func registerAhead(t *testing.T, f *Front, handle string, ahead time.Duration) *device {
	t.Helper()
	d := newDevice(t, f, "phone of "+handle)
	d.ahead = ahead
	if _, err := d.SignUpPassword(t.Context(), handle, handle, password, ""); err != nil {
		t.Fatalf("signing %s up: %v", handle, err)
	}
	r, err := d.CreateIdentity(t.Context(), "", "")
	if err != nil {
		t.Fatalf("identity of %s: %v", handle, err)
	}
	d.words = r.Words
	if _, err := d.ConfirmRecovery(t.Context(), [2]string{r.Words[r.Confirm[0]-1], r.Words[r.Confirm[1]-1]}); err != nil {
		t.Fatalf("confirming the code of %s: %v", handle, err)
	}
	return d
}

// knows makes d look a handle up.
func (d *device) knows(handle string) account.LookupResult {
	d.t.Helper()
	r, err := d.Lookup(d.t.Context(), handle)
	if err != nil {
		d.t.Fatalf("looking %s up: %v", handle, err)
	}
	return r
}

// alarmed checks that err raised an alarm with this message and attack.
func (d *device) alarmed(err error, message, attack string) {
	d.t.Helper()
	a := new(directory.AlarmError)
	if !errors.As(err, &a) {
		d.t.Fatalf("error %v, want the alarm %s (%s)", err, message, attack)
	}
	if a.Alarm.ID != message || a.Alarm.Attack != attack {
		d.t.Fatalf("alarm %s (%s): %s; want %s (%s)", a.Alarm.ID, a.Alarm.Attack, a.Alarm.Detail, message, attack)
	}
	d.hasAlarm(message, attack)
}

// hasAlarm checks that the person is shown an alarm, and that its evidence, if it
// has any, can be exported and read.
func (d *device) hasAlarm(message, attack string) {
	d.t.Helper()
	list, err := d.Alarms(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, a := range list {
		if a.Message != message || a.Attack != attack {
			continue
		}
		if !a.Evidence {
			return
		}
		b, err := d.Evidence(d.t.Context(), a.ID)
		if err != nil {
			d.t.Fatalf("evidence: %v", err)
		}
		if _, err := directory.ParseEvidence(b); err != nil {
			d.t.Fatalf("evidence: %v", err)
		}
		return
	}
	d.t.Fatalf("no alarm %s (%s) among %+v", message, attack, list)
}

// honest checks that after the lie the same question gets a good answer, of the
// version that was known.
func (d *device) honest(handle string, before account.LookupResult) {
	d.t.Helper()
	after := d.knows(handle)
	if after.User != before.User || after.Version != before.Version {
		d.t.Errorf("after the lie: %+v, before it: %+v", after, before)
	}
}

// operate hands the directory of a front to a model whose operator has the keys:
// what clients publish goes into its map, and it answers what the test wants.
func (f *Front) operate(m *keytranstest.Model) *operator {
	o := &operator{Model: m}
	m.Later(uint64(time.Now().UnixMilli()) - m.Now)
	raw := func(answer func([]byte) ([]byte, error)) Hook {
		return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			b, err := answer(Body(r))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			Answer{http.StatusOK, http.Header{"Content-Type": {"application/octet-stream"}}, b}.Write(w)
		}
	}
	f.Lie("GET /api/v1/directory/config", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		k := m.Keys()
		b, err := json.Marshal(api.DirectoryConfig{Origin: k.Origin, LogKey: k.LogKey, VRFKey: k.VRFKey[:]})
		if err != nil {
			panic(err)
		}
		Answer{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, b}.Write(w)
	})
	f.Lie(lookupRoute, raw(m.Answer))
	f.Lie(monitorRoute, raw(m.AnswerMonitor))
	f.Lie("GET /api/v1/directory/consistency", func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		from, to := number(r, "from"), number(r, "to")
		raw(func([]byte) ([]byte, error) {
			if from < 1 || from > to || to > len(m.Leaves) {
				return nil, errors.New("sizes")
			}
			return m.Consistency(from, to), nil
		})(w, r, real)
	})
	f.Lie("POST /api/v1/account/record", func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		record := Body(r)
		a := Record(r, real)
		if a.Status == http.StatusOK {
			o.take(record)
		}
		a.Write(w)
	})
	return o
}

func number(r *http.Request, name string) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil {
		return -1
	}
	return n
}

// An operator runs a model of the directory.
type operator struct{ *keytranstest.Model }

// take puts a record that a client published into the map, in an epoch of its own.
func (o *operator) take(record []byte) {
	r, err := identity.ParseRecord(record)
	if err != nil {
		return
	}
	p := o.of(r.Handle)
	if p == nil {
		p = &keytranstest.Person{User: r.User, Handle: r.Handle}
	}
	if int(r.Version) != len(p.Records) {
		return // again
	}
	p.Add(o.Model, record)
	o.Later(1)
}

// of returns the person with a handle, or nil.
func (o *operator) of(handle string) *keytranstest.Person {
	for _, p := range o.People {
		if p.Handle == handle {
			return p
		}
	}
	return nil
}

// pass lets time pass for the directory and for devices.
func (o *operator) pass(d time.Duration, devices ...*device) {
	o.Later(uint64(d.Milliseconds()))
	for _, x := range devices {
		x.ahead += d
	}
}

// hook returns the hook of a pattern.
func (l *lying) hook(pattern string) Hook {
	l.front.mu.Lock()
	defer l.front.mu.Unlock()
	return l.front.hooks[pattern]
}

// instead returns a hook that answers with what answer makes of the request.
func instead(answer func(body []byte) []byte) Hook {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		b := answer(Body(r))
		Answer{http.StatusOK, http.Header{"Content-Type": {"application/octet-stream"}}, b}.Write(w)
	}
}

// alarmOf returns the alarm that an error raised, or nil.
func alarmOf(err error) *directory.Alarm {
	if a := new(directory.AlarmError); errors.As(err, &a) {
		return &a.Alarm
	}
	return nil
}

// editNote changes the checkpoint of an answer to a lookup.
func editNote(t *testing.T, change func(note []byte) []byte) func([]byte) []byte {
	return func(body []byte) []byte {
		a, err := keytrans.ParseLookupResponse(bytes.Clone(body))
		if err != nil {
			t.Errorf("the honest answer: %v", err)
			return body
		}
		a.Checkpoint = change(bytes.Clone(a.Checkpoint))
		return a.Encode()
	}
}
