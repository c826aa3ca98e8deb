package account

// EmojiNames are the names of the 64 symbols, in order, in English.
var EmojiNames = [64]string{}
