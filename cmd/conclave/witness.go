package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"conclave/directory/witness"
)

type witnessCommand struct {
	Log     []string `help:"Verifier key of a log to cosign (conclave serve prints its own). Repeatable." required:"" placeholder:"KEY"`
	Name    string   `help:"Name of this witness, such as witness.example.com. It is part of its key. Default: the name of the machine." placeholder:"NAME"`
	Listen  string   `help:"TCP address." default:"127.0.0.1:8081" env:"CONCLAVE_WITNESS_LISTEN"`
	Data    string   `help:"Folder for the key and what was cosigned. A witness that loses it must begin anew with another key. Default: conclave-witness in the user's data folder." type:"path" env:"CONCLAVE_WITNESS_DATA" placeholder:"DIR"`
	URL     string   `name:"url" help:"Address that logs reach this witness by, for the line that is printed. Default: that of --listen." placeholder:"URL"`
	TLSCert string   `name:"tls-cert" help:"Certificate file (PEM)." type:"existingfile"`
	TLSKey  string   `name:"tls-key" help:"Key file (PEM)." type:"existingfile"`
	JSON    bool     `name:"json" help:"Print the key and the address as one JSON object."`
	logFlags
}

const (
	witnessTimeout = 10 * time.Second // of a request, and of the end
	maxKeyFile     = 4 << 10
)

// Run cosigns until it is interrupted.
func (c *witnessCommand) Run(e *env) error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return &exitError{exitUsage, errors.New("--tls-cert and --tls-key must be given together")}
	}
	data, err := c.dataFolder()
	if err != nil {
		return err
	}
	key, err := c.key(filepath.Join(data, "key"))
	if err != nil {
		return err
	}
	states, err := witness.NewFileStore(filepath.Join(data, "logs"))
	if err != nil {
		return err
	}
	w, err := witness.New(witness.Config{Key: key, Logs: c.Log, Store: states, Log: c.logger(e)})
	if err != nil {
		return &exitError{exitUsage, err}
	}
	l, err := (&net.ListenConfig{}).Listen(e.ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if err := c.announce(e, w, l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	return c.serve(e, w, l)
}

// dataFolder returns the folder that was given, or the usual one.
func (c *witnessCommand) dataFolder() (string, error) {
	if c.Data != "" {
		return c.Data, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the witness: %v; give one with --data", err)
	}
	return filepath.Join(dir, "conclave-witness"), nil
}

// key reads the signing key, which it makes if there is none.
func (c *witnessCommand) key(path string) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator names the folder
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.newKey(path)
	case err != nil:
		return "", err
	case len(b) > maxKeyFile:
		return "", fmt.Errorf("%s is no key of a witness", path)
	}
	key := strings.TrimSpace(string(b))
	if has := strings.SplitN(key, "+", 5); len(has) == 5 && c.Name != "" && has[2] != c.Name {
		return "", &exitError{exitUsage, fmt.Errorf("the key in %s is of the witness %s: leave --name out, or give another --data", path, has[2])}
	}
	return key, nil
}

func (c *witnessCommand) newKey(path string) (string, error) {
	name := c.Name
	if name == "" {
		var err error
		if name, err = os.Hostname(); err != nil {
			return "", fmt.Errorf("this machine has no name: %v; give one with --name", err)
		}
	}
	key, err := witness.GenerateKey(name)
	if err != nil {
		return "", &exitError{exitUsage, err}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "key.*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(key + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return key, nil
}

// announce prints what goes into the policy of a log's clients.
func (c *witnessCommand) announce(e *env, w *witness.Witness, addr net.Addr) error {
	url := c.URL
	if url == "" {
		scheme := "http"
		if c.TLSCert != "" {
			scheme = "https"
		}
		url = scheme + "://" + addr.String()
	}
	if c.JSON {
		return printJSON(e.stdout, struct {
			URL string `json:"url"`
			Key string `json:"key"`
		}{url, w.VerifierKey()})
	}
	name, _, _ := strings.Cut(w.VerifierKey(), "+")
	printf(e.stdout, "The line for a policy of this witness:\nwitness %s %s %s\n", name, w.VerifierKey(), url)
	return nil
}

func (c *witnessCommand) serve(e *env, w *witness.Witness, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("POST /add-checkpoint", w)
	mux.Handle("POST /witness/add-checkpoint", w) // as conclave serve has it
	s := &http.Server{
		Handler: mux, ReadTimeout: witnessTimeout, WriteTimeout: witnessTimeout,
		MaxHeaderBytes: 16 << 10, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13},
	}
	failed := make(chan error, 1)
	go func() {
		if c.TLSCert != "" {
			failed <- s.ServeTLS(l, c.TLSCert, c.TLSKey)
		} else {
			failed <- s.Serve(l)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-e.ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), witnessTimeout)
	defer cancel()
	return s.Shutdown(ctx)
}
