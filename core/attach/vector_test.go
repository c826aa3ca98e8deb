package attach_test

// vector is what another implementation, written from the description alone, makes
// of TestVector's file: the last chunk, the digest of the first, and the root.
const vector = "fb783f6eba4dcaa264cefd53618e9bdb8f2753 " +
	"f54cdb275db24de7c7856bc2e07d32ae23625435435f0ef38615f1eb30378aff " +
	"2837dffa49e8fb64531eb094766612f15d8f71918cad9f19bc7356aa3b9c8f02"
