// Package account is a person's account on one device: signing up and in, the
// keys of this device, the person's other devices, and the people they know.
//
// [Open] gives an [Account] from what the device's vault holds; every method may
// be called again after a crash and goes on where it was. A sign-in gives a
// session and never keys: keys come from the sign-up, from another device
// ([Account.RequestDevice] and [Account.Approve]), from the recovery code
// ([Account.Recover]), or are made anew, visibly ([Account.Reset]).
//
// What the directory says is believed only with proof, package
// conclave/client/directory; what the person compared with another person is
// signed by the person's own identity key and follows to their other devices
// inside the backup.
//
// All results are plain structs with JSON names, for the command line and for a
// browser. The package opens no socket, file or clock of its own: it runs in
// WebAssembly too.
package account
