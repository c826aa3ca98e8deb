package main

import (
	"os"
	"os/exec"
	"testing"

	"conclave/internal/testkit"
)

// An ability is something that not every implementation has.
type ability string

const (
	privateHandshakes ability = "handshakes as PrivateMessage"
	treeBeside        ability = "a ratchet tree beside the Welcome or GroupInfo"
	makesProposals    ability = "proposals of its own, to be committed by others"
	presharedKeys     ability = "pre-shared keys"
	reinits           ability = "ReInit"
	forcesPath        ability = "a path where the proposals need none"
	makesGroupInfo    ability = "a GroupInfo on demand"
	exportAny         ability = "an exporter for any label and context"
	authenticators    ability = "the epoch authenticator"
	authenticatedData ability = "authenticated data and a choice of padding"
	leaves            ability = "leaf indices and signature keys of members"
	changesExtensions ability = "commits of GroupContextExtensions"
	saves             ability = "snapshots"
	noticesRemoval    ability = "an eye for its own removal when its leaf is taken at once"
)

// An implementation of MLS and what it cannot do, with the reason. README.md
// repeats the reasons.
type implementation struct {
	name   string
	start  func(testing.TB) *process
	suites []int
	cannot map[ability]string
}

func (i *implementation) can(a ability) bool { return !i.lacks(a) }

func (i *implementation) lacks(a ability) bool {
	_, lacks := i.cannot[a]
	return lacks
}

var conclave = &implementation{name: "conclave", start: startOurs, suites: []int{1, 2, 3, 5, 7, 0xF001, 0xF002}}

var tsMLS = &implementation{
	name:   "ts-mls",
	start:  func(t testing.TB) *process { t.Helper(); return startPeer(t, "tsmls") },
	suites: []int{1, 3},
	cannot: map[ability]string{
		forcesPath:        "createCommit makes a path only where it thinks that the proposals need one",
		changesExtensions: "it commits GroupContextExtensions without a path, which RFC 9420, Section 12.4 requires",
		noticesRemoval:    "it looks whether its leaf is blank, and fails where a member added by the same commit has it",
	},
}

var coreCrypto = &implementation{
	name: "core-crypto",
	start: func(t testing.TB) *process {
		t.Helper()
		path := os.Getenv("CONCLAVE_CHROMIUM")
		if path == "" {
			path = "/usr/bin/chromium"
		}
		if _, err := exec.LookPath(path); err != nil {
			testkit.Missing(t, "no Chromium at %s, which core-crypto runs in; set CONCLAVE_CHROMIUM", path)
		}
		return startPeer(t, "corecrypto")
	},
	suites: []int{1, 2},
	cannot: map[ability]string{
		privateHandshakes: "its groups have OpenMLS's policy of plaintext handshakes, and no setting for it",
		treeBeside:        "processWelcomeMessage and joinByExternalCommit take no tree",
		makesProposals:    "its interface has commits only",
		presharedKeys:     "its interface has none",
		reinits:           "its interface has none",
		forcesPath:        "its interface does not offer it",
		makesGroupInfo:    "it hands out a GroupInfo with its own commits only",
		exportAny:         "exportSecretKey is for the label exporter and an empty context",
		authenticators:    "its interface has none; the exporter is compared instead",
		authenticatedData: "encryptMessage takes the plaintext only",
		saves:             "it keeps its state in a database of its own",
		leaves:            "its interface lists client ids only, in the order of the leaves",
	},
}
