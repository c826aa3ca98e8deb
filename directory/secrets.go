package directory

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	vrf "filippo.io/mostly-harmless/vrf-r255"
	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Secrets are the keys of a directory. They are made once: clients pin the public
// halves, and a directory with other keys is another server to them. Lose the file
// and every client must be told by hand; so back it up.
type Secrets struct {
	_       [0]func() // not comparable
	log     note.Signer
	logKey  string // verifier key
	vrf     *vrf.PrivateKey
	opening [32]byte
	witness string
}

// ErrSecrets says that a file of secrets cannot be used.
var ErrSecrets = errors.New("directory: the key file cannot be used")

const (
	secretsTitle = "Conclave directory keys 1"
	maxSecrets   = 4 << 10 // bytes of a file
)

// LoadSecrets reads the keys of the directory with this origin from a file, which
// it makes, mode 0600, if it is missing. The file is text: a title, and a line for
// each of log, vrf, opening and witness.
func LoadSecrets(path, origin string) (*Secrets, error) {
	b, err := readFile(path, maxSecrets)
	if errors.Is(err, fs.ErrNotExist) {
		if b, err = newSecrets(origin); err == nil {
			err = createFile(path, b)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSecrets, err)
	}
	s, err := parseSecrets(string(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w; restore it from a backup", ErrSecrets, err)
	}
	if s.log.Name() != origin {
		return nil, fmt.Errorf("%w: it belongs to the origin %s; give that one", ErrSecrets, s.log.Name())
	}
	return s, nil
}

// newSecrets makes the text of a file.
func newSecrets(origin string) ([]byte, error) {
	logKey, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, fmt.Errorf("the origin must be a name without spaces and +: %w", err)
	}
	witness, _, err := note.GenerateKey(rand.Reader, origin+"/witness")
	if err != nil {
		return nil, err
	}
	var opening [32]byte
	_, _ = rand.Read(opening[:]) // never fails
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, "%s\nlog %s\nvrf %s\nopening %s\nwitness %s\n",
		secretsTitle, logKey, encode(vrf.GenerateKey().Bytes()), encode(opening[:]), witness), nil
}

func parseSecrets(text string) (*Secrets, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 6 || lines[0] != secretsTitle || lines[5] != "" {
		return nil, errors.New("it is no file of directory keys, or not all of it")
	}
	value := make([]string, 4)
	for i, name := range []string{"log ", "vrf ", "opening ", "witness "} {
		var ok bool
		if value[i], ok = strings.CutPrefix(lines[i+1], name); !ok {
			return nil, fmt.Errorf("line %d is not the key named %s", i+2, name)
		}
	}
	// What is wrong with a key is not said: the text would hold it.
	s := &Secrets{witness: value[3]}
	var err error
	if s.log, err = note.NewSigner(value[0]); err != nil {
		return nil, errors.New("the key named log is damaged")
	}
	if s.logKey, err = verifierKey(value[0], s.log.Name()); err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(value[1])
	if err == nil {
		s.vrf, err = vrf.NewPrivateKey(key)
	}
	if err != nil {
		return nil, errors.New("the key named vrf is damaged")
	}
	opening, err := base64.StdEncoding.DecodeString(value[2])
	if err != nil || len(opening) != len(s.opening) {
		return nil, errors.New("the key named opening is damaged")
	}
	copy(s.opening[:], opening)
	if _, err := f_note.NewSignerForCosignatureV1(s.witness); err != nil {
		return nil, errors.New("the key named witness is damaged")
	}
	return s, nil
}

// verifierKey returns the verifier key of an Ed25519 signing key.
func verifierKey(skey, name string) (string, error) {
	_, seed, err := decodeKey(skey)
	if err != nil || len(seed) != ed25519.SeedSize {
		return "", errors.New("the key named log is damaged")
	}
	public, ok := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if !ok {
		panic("directory: internal error: an Ed25519 key without a public half")
	}
	return note.NewEd25519VerifierKey(name, public)
}

// decodeKey returns the algorithm and the bytes of a signing key:
// PRIVATE+KEY+name+hash+base64, and base64 may hold a + too.
func decodeKey(key string) (algorithm byte, rest []byte, err error) {
	fields := strings.SplitN(key, "+", 5)
	if len(fields) != 5 {
		return 0, nil, errors.New("directory: malformed key")
	}
	b, err := base64.StdEncoding.DecodeString(fields[4])
	if err != nil || len(b) == 0 {
		return 0, nil, errors.New("directory: malformed key")
	}
	return b[0], b[1:], nil
}

// WitnessKey returns the signing key (C2SP signed-note) with which this server
// cosigns the logs of others.
func (s *Secrets) WitnessKey() string { return s.witness }

// Public returns the public halves that clients pin.
func (s *Secrets) Public() PublicConfig {
	return PublicConfig{Origin: s.log.Name(), LogKey: s.logKey, VRFKey: [32]byte(s.vrf.PublicKey().Bytes())}
}

// fingerprint names the keys that must never change, and shows nothing of them.
func (s *Secrets) fingerprint() []byte {
	h := sha256.New()
	h.Write([]byte("Conclave 1.0 directory keys"))
	h.Write([]byte(s.logKey))
	h.Write(s.vrf.PublicKey().Bytes())
	secret := sha256.Sum256(s.opening[:])
	h.Write(secret[:])
	return h.Sum(nil)
}

// readFile reads a small file.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s is longer than %d bytes", filepath.Base(path), most)
	}
	return os.ReadFile(path) //nolint:gosec // the operator names the file
}

// createFile writes a file that must not be there, all or nothing.
func createFile(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
