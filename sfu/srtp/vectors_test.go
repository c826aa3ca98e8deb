package srtp

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// unhex decodes hexadecimal with spaces, as RFCs print it.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDerive: RFC 3711, Appendix B.3; RFC 6188, Section 7.2.
func TestDerive(t *testing.T) {
	m128 := master{unhex(t, "E1F97A0D3E018BE0D64FA32C06DE4139"), unhex(t, "0EC675AD498AFEEBB6960B3AABE6")}
	m256 := master{
		unhex(t, "f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6"),
		unhex(t, "3b04803de51ee7c96423ab5b78d2"),
	}
	for _, tt := range []struct {
		name  string
		m     master
		label byte
		want  string
	}{
		{"AES-128 key", m128, labelRTPKey, "C61E7A93744F39EE10734AFE3FF7A087"},
		{"AES-128 salt", m128, labelRTPSalt, "30CBBC08863D8C85D49DB34A9AE1"},
		{"AES-128 authentication", m128, labelRTPAuth, `CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4
			8F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25
			6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2`},
		{"AES-256 key", m256, labelRTPKey, "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"},
		{"AES-256 salt", m256, labelRTPSalt, "fa31791685ca444a9e07c6c64e93"},
		{"AES-256 authentication", m256, labelRTPAuth, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.want)
			got, err := tt.m.derive(tt.label, len(want))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("derive(%d) = %x, %v, want %x", tt.label, got, err, want)
			}
		})
	}
}

// TestCounterStream: RFC 3711, Appendix B.2.
func TestCounterStream(t *testing.T) {
	k, err := makeCounterKeys(unhex(t, "2B7E151628AED2A6ABF7158809CF4F3C"), make([]byte, counterAuth),
		unhex(t, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD"))
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0")
	got := make([]byte, len(want))
	k.crypt(k.mac(), got, got, 0, 0)
	if !bytes.Equal(got, want) {
		t.Errorf("key stream = %x, want %x", got, want)
	}
	// The last blocks of the appendix: 0xFEFF to 0xFF01.
	want = unhex(t, "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44")
	long := make([]byte, 16*0xFF02)
	k.crypt(k.mac(), long, long, 0, 0)
	if got := long[16*0xFEFF:]; !bytes.Equal(got, want) {
		t.Errorf("key stream from block 0xFEFF = %x, want %x", got, want)
	}
}

const (
	vectorRTP = `8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
		69736120 696e2070 61727465 73207472 6573`
	vectorRTCP = `81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
		deadbeef deadbeef deadbeef deadbeef deadbeef`
	vectorSalt = "51756964 2070726f 2071756f"
	vectorKey  = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

// TestGCMVectors: RFC 7714, Sections 16.1.1, 16.2.1, 17.1 and 17.3.
func TestGCMVectors(t *testing.T) {
	for _, tt := range []struct {
		name      string
		key       string
		rtp, rtcp string
	}{
		{
			"AES-128", vectorKey[:32],
			`8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
			51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`,
			`81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda
			4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`,
		},
		{
			"AES-256", vectorKey,
			`8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02
			76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13`,
			`81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be
			8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := makeGCMKeys(unhex(t, tt.key), unhex(t, vectorSalt))
			if err != nil {
				t.Fatal(err)
			}
			s := &Sealer{out: &gcm{keys, keys}}
			o := &Opener{in: s.out, tag: gcmTag}

			plain, want := unhex(t, vectorRTP), unhex(t, tt.rtp)
			got := s.Seal(nil, plain[:rtpHeader], plain[rtpHeader:], 0xf17b)
			if !bytes.Equal(got, want) {
				t.Errorf("Seal() = %x, want %x", got, want)
			}
			if got, err := o.Open(want); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("Open() = %x, %v, want %x", got, err, plain)
			}

			plain, want = unhex(t, vectorRTCP), unhex(t, tt.rtcp)
			s.rtcp.Store(0x05d4 - 1)
			got, err = s.SealRTCP(nil, plain)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("SealRTCP() = %x, %v, want %x", got, err, want)
			}
			if got, err := o.OpenRTCP(want); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("OpenRTCP() = %x, %v, want %x", got, err, plain)
			}
		})
	}
}
