package api

// Shapes of the routes for KeyPackages (RFC 9420, Section 10), as JSON like those
// of accounts. All need a session that is bound to a device. The server checks
// whom a KeyPackage says it is of; that it is true is for the claiming client.

// Bounds of KeyPackages.
const (
	MaxKeyPackage    = 16 << 10 // bytes of one
	MaxKeyPackages   = 100      // one-time ones of a device that the server keeps, and of one request
	MaxClaimDevices  = 32       // devices of one claim: an account has no more
	MaxKeyPackageSet = (MaxKeyPackages+1)*(MaxKeyPackage+2)/3*4 + 8<<10
)

// KeyPackagesPut publishes KeyPackages of the session's device: PUT
// /api/v1/keypackages, answered by [KeyPackageCount]. Each is an MLSMessage whose
// basic credential is user and device, 32 bytes. LastResort, if it is there,
// replaces the one before. One that the server has or has handed out already is
// left out, so that a request may be sent again.
type KeyPackagesPut struct {
	KeyPackages [][]byte `json:"key_packages"`
	LastResort  []byte   `json:"last_resort,omitempty"`
}

// KeyPackageCount says what the server has of the session's device, once the
// request is done: also the answer of GET /api/v1/keypackages, and of DELETE,
// which removes all.
type KeyPackageCount struct {
	Count      int  `json:"count"`
	LastResort bool `json:"last_resort"`
}

// KeyPackagesClaim asks for a KeyPackage of each of these devices: POST
// /api/v1/keypackages/claim, answered by [KeyPackagesClaimed].
type KeyPackagesClaim struct {
	User    string   `json:"user"`
	Devices []string `json:"devices"`
}

// KeyPackagesClaimed are the KeyPackages of the devices that have one.
type KeyPackagesClaimed struct {
	KeyPackages []ClaimedKeyPackage `json:"key_packages"`
}

// A ClaimedKeyPackage is an MLSMessage. It is given out to nobody else, unless it
// is the last resort.
type ClaimedKeyPackage struct {
	Device     string `json:"device"`
	KeyPackage []byte `json:"key_package"`
	LastResort bool   `json:"last_resort"`
}
