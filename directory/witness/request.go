package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// maxProof is the most hashes of a consistency proof (C2SP tlog-witness).
const maxProof = 63

// maxSize is the largest size of a log: what its index fits into.
const maxSize = 1<<62 - 1

// A request is an add-checkpoint request:
//
//	old 20852014
//	PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
//	jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
//
//	example.com/log
//	20852163
//	CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//
//	— example.com/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
type request struct {
	old        uint64
	proof      tlog.TreeProof
	checkpoint []byte // a signed note
	origin     string
	size       uint64
	root       tlog.Hash
}

func parseRequest(body []byte) (*request, error) {
	head, checkpoint, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return nil, errors.New("the request has no empty line before its checkpoint")
	}
	lines := strings.Split(string(head), "\n")
	old, ok := strings.CutPrefix(lines[0], "old ")
	if !ok || len(lines)-1 > maxProof {
		return nil, errors.New("the request does not begin with the old size, or its proof is too long")
	}
	q := &request{checkpoint: checkpoint}
	var err error
	if q.old, err = parseSize(old); err != nil {
		return nil, err
	}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return nil, err
		}
		q.proof = append(q.proof, h)
	}
	// C2SP tlog-checkpoint: origin, size and root; more lines may follow.
	text := strings.SplitN(string(checkpoint), "\n", 4)
	if len(text) < 4 || text[0] == "" {
		return nil, errors.New("the checkpoint is not complete")
	}
	q.origin = text[0]
	if q.size, err = parseSize(text[1]); err != nil {
		return nil, err
	}
	q.root, err = parseHash(text[2])
	return q, err
}

// parseSize reads a decimal number in its one form.
func parseSize(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > maxSize || strconv.FormatUint(n, 10) != s {
		return 0, errors.New("a size is not a number")
	}
	return n, nil
}

func parseHash(s string) (h tlog.Hash, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) || len(s) != base64.StdEncoding.EncodedLen(len(h)) {
		return h, errors.New("a hash is not 32 bytes of base64")
	}
	copy(h[:], b)
	return h, nil
}
