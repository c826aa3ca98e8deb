package framing

// What the vectors and the fuzzer need by itself.
var (
	SenderDataKeys = senderDataKeys
	EncodeContent  = encodeContent
	DecodeContent  = decodeContent
)
