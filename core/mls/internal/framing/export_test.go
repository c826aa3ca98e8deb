package framing

// What the vectors and the fuzzer need by itself.
var (
	SenderDataKeys = senderDataKeys
	EncodeContent  = encodeContent
	DecodeContent  = decodeContent
)

// SetMaxContent lowers MaxContent and returns a function that sets it back.
func SetMaxContent(n int) (restore func()) {
	testOnlyMaxContent = n
	return func() { testOnlyMaxContent = MaxContent }
}
