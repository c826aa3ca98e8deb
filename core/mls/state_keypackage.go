package mls

import (
	"bytes"

	"conclave/core/mlswire"
	"conclave/core/secret"
)

// Snapshot returns the KeyPackage with its private keys, to be stored and given
// to [Client.RestoreKeyPackage]. It holds secrets: encrypt it where it is stored,
// and delete it when the KeyPackage was used, which the snapshot cannot know.
//
//	uint8 used
//	opaque key_package<V>
//	unless used:
//	  opaque init_key<V>
//	  opaque leaf_key<V>
//	  opaque signing_key<V>
func (k *KeyPackage) Snapshot() secret.Value {
	k.saved = true
	w := newSnapshot(kindKeyPackage, k.client.suite.ID(), 8<<10)
	if k.used {
		w.Uint8(1)
		w.Nested(k.public.Encode)
		return closeSnapshot(w)
	}
	w.Uint8(0)
	w.Nested(k.public.Encode)
	w.Vector(k.initKey.Expose())
	w.Vector(k.leafKey.Private.Expose())
	encodeSigningKey(w, k.signer)
	return closeSnapshot(w)
}

// RestoreKeyPackage returns the KeyPackage of a snapshot, to be used by this
// client. The state is copied; the caller erases it. The error is [ErrSnapshot],
// [ErrSnapshotVersion] or [ErrSnapshotSuite].
func (c *Client) RestoreKeyPackage(state secret.Value) (*KeyPackage, error) {
	d, err := c.openSnapshot(kindKeyPackage, state)
	if err != nil {
		return nil, err
	}
	k, err := d.keyPackage()
	if err != nil {
		return nil, ErrSnapshot
	}
	return k, nil
}

// keyPackage reads what KeyPackage.Snapshot wrote.
func (d *restorer) keyPackage() (*KeyPackage, error) {
	used := d.Uint8()
	public, err := mlswire.ParseKeyPackage(d.opaque())
	if err != nil {
		return nil, err
	}
	if public.CipherSuite != d.suite.ID() || used > 1 {
		return nil, ErrSnapshot
	}
	if used == 1 {
		k := d.client.keyPackage(public, secret.Value{}, secret.Value{}, d.client.signer)
		k.used = true
		return k, d.Done()
	}
	initKey, err := d.privateKey(public.InitKey)
	if err != nil {
		return nil, err
	}
	leafKey, err := d.privateKey(public.LeafNode.EncryptionKey)
	if err != nil {
		return nil, err
	}
	signer, err := d.signingKey()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(signer.Public(), public.LeafNode.SignatureKey) {
		return nil, ErrSnapshot
	}
	k := d.client.keyPackage(public, initKey, leafKey, signer)
	k.saved = true
	return k, d.Done()
}

// privateKey reads the private key of a public one.
func (d *restorer) privateKey(public []byte) (secret.Value, error) {
	private := secret.New(d.Vector(maxPrivateKey))
	if err := d.Err(); err != nil {
		return secret.Value{}, err
	}
	if got, err := d.suite.PublicKey(private); err != nil || !bytes.Equal(got, public) {
		private.Erase()
		return secret.Value{}, ErrSnapshot
	}
	return private, nil
}
