package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"conclave/auth"
	"conclave/server"
)

// accountFlags say how accounts and the key directory of a server work.
type accountFlags struct {
	Accounts      bool     `help:"Offer accounts and a key directory. Without them, everybody is a guest." default:"true" negatable:"" env:"CONCLAVE_ACCOUNTS"`
	Database      string   `help:"URL of a PostgreSQL database, postgres://user:password@host/name. Default: a SQLite file in --data." env:"CONCLAVE_DATABASE"`
	Public        string   `help:"Where browsers find the server, such as https://conclave.example. Default: https:// and --origin." env:"CONCLAVE_PUBLIC"`
	Origin        string   `help:"Name of the key directory, which clients pin: never change it. Default: the host of --public." env:"CONCLAVE_ORIGIN"`
	WitnessPolicy string   `help:"File that says who has to cosign the directory (C2SP tlog-policy). Default: nobody." type:"existingfile" env:"CONCLAVE_WITNESS_POLICY"`
	WitnessFor    []string `help:"Verifier key of another server's log, which this one cosigns. Repeatable." env:"CONCLAVE_WITNESS_FOR"`
	Registration  string   `help:"Who may make an account: ${enum}." enum:"open,invite,closed" default:"open" env:"CONCLAVE_REGISTRATION"`
	SignInRate    int      `help:"Sign-in requests a minute from one network address; more for offices behind one." default:"60" env:"CONCLAVE_SIGN_IN_RATE"`

	OIDC oidcFlags `embed:"" prefix:"oidc-"`
	LDAP ldapFlags `embed:"" prefix:"ldap-"`
}

// oidcFlags name an organisation's OpenID provider.
type oidcFlags struct {
	Issuer           string `help:"Address of an OpenID provider to sign in with, exactly as it names itself." env:"CONCLAVE_OIDC_ISSUER"`
	Name             string `help:"What people call it." default:"Your organisation" env:"CONCLAVE_OIDC_NAME"`
	ClientID         string `help:"This server's name at the provider." env:"CONCLAVE_OIDC_CLIENT_ID"`
	ClientSecretFile string `help:"File with this server's secret at the provider." type:"existingfile" env:"CONCLAVE_OIDC_CLIENT_SECRET_FILE"`
}

// ldapFlags name an organisation's LDAP server.
type ldapFlags struct {
	URL              string `help:"LDAP server to sign in with: ldaps://host, or ldap://host, which has to offer StartTLS." env:"CONCLAVE_LDAP_URL"`
	Name             string `help:"What people call it." default:"Your organisation" env:"CONCLAVE_LDAP_NAME"`
	Base             string `help:"Where people are in it, such as ou=people,dc=example,dc=org." env:"CONCLAVE_LDAP_BASE"`
	Filter           string `help:"How people are found: %s is what they typed." default:"(uid=%s)" env:"CONCLAVE_LDAP_FILTER"`
	BindDN           string `help:"Who searches. Default: anybody." env:"CONCLAVE_LDAP_BIND_DN"`
	BindPasswordFile string `help:"File with the password of --ldap-bind-dn." type:"existingfile" env:"CONCLAVE_LDAP_BIND_PASSWORD_FILE"`
	ID               string `help:"Attribute of a person that never changes and is never given to another." default:"entryUUID" env:"CONCLAVE_LDAP_ID"`
}

// config returns what the flags say.
func (f *accountFlags) config() (c server.AccountsConfig, err error) {
	c = server.AccountsConfig{
		Off:          !f.Accounts,
		Database:     f.Database,
		Public:       f.Public,
		Origin:       f.Origin,
		WitnessFor:   f.WitnessFor,
		Registration: auth.Registration(f.Registration),
		Limits:       auth.Limits{AddressPerMinute: f.SignInRate},
	}
	if f.WitnessPolicy != "" {
		b, err := os.ReadFile(f.WitnessPolicy)
		if err != nil {
			return c, fmt.Errorf("reading the witness policy: %w", err)
		}
		c.WitnessPolicy = string(b)
	}
	if f.OIDC != (oidcFlags{Name: f.OIDC.Name}) {
		p, err := f.OIDC.config()
		if err != nil {
			return c, err
		}
		c.OIDC = []auth.OIDCConfig{p}
	}
	if f.LDAP != (ldapFlags{Name: f.LDAP.Name, Filter: f.LDAP.Filter, ID: f.LDAP.ID}) {
		p, err := f.LDAP.config()
		if err != nil {
			return c, err
		}
		c.LDAP = []auth.LDAPConfig{p}
	}
	return c, nil
}

func (f *oidcFlags) config() (auth.OIDCConfig, error) {
	if f.Issuer == "" || f.ClientID == "" {
		return auth.OIDCConfig{}, errors.New("an OpenID provider needs --oidc-issuer and --oidc-client-id")
	}
	secret, err := secretFile(f.ClientSecretFile)
	return auth.OIDCConfig{ID: "oidc", Name: f.Name, Issuer: f.Issuer, ClientID: f.ClientID, ClientSecret: secret}, err
}

func (f *ldapFlags) config() (auth.LDAPConfig, error) {
	if f.URL == "" || f.Base == "" {
		return auth.LDAPConfig{}, errors.New("an LDAP server needs --ldap-url and --ldap-base")
	}
	password, err := secretFile(f.BindPasswordFile)
	return auth.LDAPConfig{
		ID: "ldap", Name: f.Name, URL: f.URL, BaseDN: f.Base, Filter: f.Filter,
		BindDN: f.BindDN, BindPassword: password, IDAttribute: f.ID,
	}, err
}

// secretFile returns the first line of a file; "" for no file.
func secretFile(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("%s is empty: its first line is to be the secret", path)
	}
	return line, nil
}
