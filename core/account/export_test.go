package account

// Entropy returns the bytes of a recovery code.
func (c RecoveryCode) Entropy() []byte { return c.entropy.Expose() }

// CodeOf shows how a code of 42 bits is read.
func CodeOf(code [codeBytes]byte) ([emojiCount]int, [decimalCount]int) {
	return emojiOf(code), decimalOf(code)
}
