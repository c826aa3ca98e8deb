package keytrans

// Evidence is what proves, or at least shows, that a directory lied.
type Evidence struct{}
