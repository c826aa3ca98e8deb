package main

import (
	"encoding/json"

	"conclave/core/mls"
	"conclave/core/suite"
)

// A request is one line of standard input. Binary values are base64 in JSON.
type request struct {
	// ID is echoed as it is, whatever its type.
	ID json.RawMessage `json:"id"`
	Op string          `json:"op"`

	// Suite is the cipher suite of a new client, or of the group that a ReInit
	// announces.
	Suite    suite.ID `json:"suite"`
	Identity string   `json:"identity"`

	// Group and Handle are names that this program has handed out.
	Group  string `json:"group"`
	Handle string `json:"handle"`

	GroupID     []byte `json:"group_id"`
	KeyPackage  []byte `json:"key_package"`
	Message     []byte `json:"message"`
	Welcome     []byte `json:"welcome"`
	GroupInfo   []byte `json:"group_info"`
	RatchetTree []byte `json:"ratchet_tree"`
	State       []byte `json:"state"`

	// Proposals and commits.
	Kind          string          `json:"kind"`
	Leaf          mls.LeafIndex   `json:"leaf"`
	PSKID         []byte          `json:"psk_id"`
	Extensions    []byte          `json:"extensions"`
	Add           [][]byte        `json:"add"`
	Remove        []mls.LeafIndex `json:"remove"`
	PSK           [][]byte        `json:"psk"`
	ForcePath     bool            `json:"force_path"`
	Public        bool            `json:"public"`
	TreeInWelcome bool            `json:"tree_in_welcome"`
	Tree          bool            `json:"tree"`

	// Application messages and secrets.
	Plaintext []byte `json:"plaintext"`
	AAD       []byte `json:"aad"`
	Padding   int    `json:"padding"`
	Secret    []byte `json:"secret"`
	Label     string `json:"label"`
	Context   []byte `json:"context"`
	Length    int    `json:"length"`
}

// An answer is one line of standard output.
type answer map[string]any
