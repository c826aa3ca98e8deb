package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"conclave/client/audit"
	"conclave/client/conn"
	clientdirectory "conclave/client/directory"
	remotenative "conclave/client/remote/native"
	"conclave/core/keytrans"
)

// exitLie is returned when a directory lied.
const exitLie = 3

type auditCommand struct {
	Server   string `arg:"" optional:"" name:"url" help:"Address of the server. Without one, the evidence is judged."`
	Evidence string `help:"File to write proof to if the directory lied; without an address, the file to judge." type:"path" placeholder:"FILE"`
	LogKey   string `name:"log-key" help:"Verifier key of the log, from somewhere else than this server. Default: ask the server." env:"CONCLAVE_LOG_KEY" placeholder:"KEY"`
	Roots    string `help:"File of certificates (PEM) to trust besides those of the system." type:"path" env:"CONCLAVE_ROOTS" placeholder:"FILE"`
	JSON     bool   `name:"json" help:"Print the result as one JSON object. Progress is on standard error."`
}

// Run replays a directory's history.
func (c *auditCommand) Run(e *env) error {
	switch {
	case c.Server != "":
		return c.audit(e)
	case c.Evidence != "":
		return c.judge(e)
	default:
		return &exitError{exitUsage, errors.New("give the address of a server, or --evidence FILE to judge")}
	}
}

func (c *auditCommand) audit(e *env) error {
	conf := remotenative.Config{Server: c.Server}
	if c.Roots != "" {
		roots, err := conn.LoadRoots(c.Roots)
		if err != nil {
			return fmt.Errorf("--roots %s: %w", c.Roots, err)
		}
		conf.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
	}
	doer, err := remotenative.New(conf)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer doer.Close()
	server := audit.NewServer(doer)
	keys, err := server.Keys(e.ctx)
	if err != nil {
		return err
	}
	if c.LogKey != "" && c.LogKey != keys.LogKey {
		return &exitError{exitLie, errors.New("the server says that its log has another key than --log-key")}
	}
	result, evidence, err := audit.Run(e.ctx, server, keys, auditProgress(e.stderr))
	if err != nil && result.Lie == nil {
		return err
	}
	return errors.Join(c.report(e, keys, result), c.save(e, evidence), err)
}

// auditProgress prints how far an audit is, at most once a second.
func auditProgress(out io.Writer) audit.Progress {
	var last time.Time
	return func(done, of uint64) {
		if now := time.Now(); done == of || now.Sub(last) > time.Second {
			last = now
			printf(out, "%d of %d epochs\n", done, of)
		}
	}
}

// report prints a result and returns the error of a lie.
func (c *auditCommand) report(e *env, keys keytrans.ServerKeys, r audit.Result) error {
	if c.JSON {
		if err := printJSON(e.stdout, r); err != nil {
			return err
		}
	} else {
		printf(e.stdout, "log        %s\nepochs     %d\nentries    %d\nroot       %s\n", keys.LogKey, r.Epochs, r.Entries, r.Root)
	}
	if r.Lie == nil {
		if !c.JSON {
			printf(e.stdout, "Every epoch is what its changes give.\n")
		}
		return nil
	}
	kind := "its log's signature proves it"
	if !r.Lie.Proven {
		kind = "it did not sign this answer, so it is no proof for others"
	}
	return &exitError{exitLie, fmt.Errorf("the directory lied (%s): %w", kind, r.Lie)}
}

// save writes the evidence.
func (c *auditCommand) save(e *env, evidence *audit.Evidence) error {
	if evidence == nil {
		return nil
	}
	if c.Evidence == "" {
		printf(e.stderr, "Give --evidence FILE to keep what shows it.\n")
		return nil
	}
	b, err := json.Marshal(evidence)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Evidence, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the evidence: %w", err)
	}
	printf(e.stderr, "What shows it is in %s.\n", c.Evidence)
	return nil
}

// judge verifies a file of evidence, of an audit or of a device's alarm.
func (c *auditCommand) judge(e *env) error {
	f, err := os.Open(c.Evidence)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(f, audit.MaxEvidence+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if evidence, err := audit.ParseEvidence(b); err == nil {
		result, err := evidence.Verify(e.ctx)
		if err != nil {
			return err
		}
		return c.report(e, evidence.Keys(), result)
	}
	alarm, err := clientdirectory.ParseEvidence(b)
	if err != nil {
		return fmt.Errorf("%s is neither evidence of an audit nor of an alarm: %w", c.Evidence, err)
	}
	verdict, err := alarm.Verify()
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(e.stdout, verdict); err != nil {
			return err
		}
	} else {
		printf(e.stdout, "log        %s\nalarm      %s (%s)\nproven     %v\nsigned     %v\n%s\n",
			alarm.LogKey, verdict.ID, verdict.Attack, verdict.Proven, verdict.Signed, verdict.Detail)
	}
	if verdict.Proven {
		return &exitError{exitLie, errors.New("the directory lied: its own signatures contradict each other")}
	}
	return nil
}
