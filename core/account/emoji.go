package account

// Sizes of what people compare: 42 bits, in seven symbols of six bits or three
// numbers of fourteen.
const (
	emojiCount = 7
	emojiBits  = 6

	decimalCount = 3
	decimalBits  = 14
	decimalLeast = 10_000 // so that each number has five digits

	codeBits  = emojiCount * emojiBits
	codeBytes = (codeBits + 7) / 8
)

// EmojiNames are the names of the 64 symbols in English, in order. A symbol is a
// drawing of our own with that name, the same on both sides, and never a
// character of the system's font. The names were chosen to differ in sound, and
// their drawings in outline. They are part of the protocol: the order does not
// change.
var EmojiNames = [1 << emojiBits]string{
	"umbrella", "fish", "moon", "mushroom", "bell", "cactus", "anchor", "tree",
	"hourglass", "apple", "thumbs-up", "heart", "clap", "cat", "owl", "butterfly",
	"turtle", "penguin", "octopus", "rabbit", "elephant", "snail", "grapes", "carrot",
	"cherries", "pizza", "ice-cream", "egg", "key", "hammer", "scissors", "ladder",
	"lamp", "candle", "book", "pencil", "glasses", "crown", "drum", "trumpet",
	"guitar", "kite", "dice", "rocket", "bicycle", "sailboat", "train", "house",
	"tent", "windmill", "volcano", "rainbow", "cloud", "lightning", "snowman", "tulip",
	"feather", "globe", "flag", "magnet", "teapot", "envelope", "bucket", "sun",
}

// emojiOf and decimalOf read a code, first bits first.
func emojiOf(code [codeBytes]byte) (emoji [emojiCount]int) {
	for i := range emoji {
		emoji[i] = takeBits(code, i*emojiBits, emojiBits)
	}
	return emoji
}

func decimalOf(code [codeBytes]byte) (numbers [decimalCount]int) {
	for i := range numbers {
		numbers[i] = decimalLeast + takeBits(code, i*decimalBits, decimalBits)
	}
	return numbers
}

func takeBits(code [codeBytes]byte, from, n int) (v int) {
	for at := from; at < from+n; at++ {
		v = v<<1 | int(code[at/8]>>(7-at%8)&1)
	}
	return v
}
