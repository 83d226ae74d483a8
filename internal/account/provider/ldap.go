package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"strings"
	"unicode"

	"github.com/go-ldap/ldap/v3"

	"github.com/loam-baas/loam/internal/parse"
)

// idPlace is where the user's id goes in a name or a filter of the configuration.
const idPlace = "{{id}}"

// directory is the provider "ldap":
//
//	options   url (ldaps://… or ldap://…), suffix; dn: the user's name with {{id}};
//	          groupCn with groupFilter, in which {{id}} is the user;
//	          tlsOptions {ca, servername, rejectUnauthorized}; enableInsecureAuth
//	authData  {id, password}
//
// It binds as the user, over TLS: ldap:// begins it on the connection (StartTLS),
// unless enableInsecureAuth lets passwords be sent in the clear. The password goes
// nowhere else (advisory C02).
type directory struct {
	address, network       string
	tls                    *tls.Config
	implicit, plain        bool
	name, suffix           string
	groupName, groupFilter string
}

func newLDAP(_ string, o *Options, env Env) Provider {
	o.Require("url")
	p := &directory{suffix: o.RequiredText("suffix"), groupName: o.Text("groupCn"), groupFilter: o.Text("groupFilter"), name: o.Text("dn")}
	p.plain = env.insecure(o)
	if p.name == "" {
		p.name = "uid=" + idPlace + "," + p.suffix
	}
	if !strings.Contains(p.name, idPlace) {
		o.Problem("dn", "must hold %s, where the user's id goes", idPlace)
	}
	if _, err := ldap.ParseDN(strings.ReplaceAll(p.name, idPlace, "x")); err != nil {
		o.Problem("dn", "must be a distinguished name, as suffix is")
	}
	if p.groupName == "" && p.groupFilter != "" {
		o.Problem("groupCn", "is missing: groupFilter is for a group")
	}
	if p.groupFilter != "" {
		if _, err := ldap.CompileFilter(strings.ReplaceAll(p.groupFilter, idPlace, "x")); err != nil {
			o.Problem("groupFilter", "must be a filter of LDAP")
		}
	}
	p.place(o)
	p.security(o, env)
	return newIdentity("LDAP", p.prove)
}

// place reads where the directory is.
func (p *directory) place(o *Options) {
	u, err := url.Parse(o.Text("url"))
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "ldap" && u.Scheme != "ldaps" || strings.Trim(u.Path, "/") != "" {
		o.Problem("url", "must be ldaps:// or ldap:// and a host")
		return
	}
	port := "389"
	if p.implicit = u.Scheme == "ldaps"; p.implicit {
		port, p.plain = "636", false
	}
	if u.Port() != "" {
		port = u.Port()
	}
	p.network, p.address = "tcp", net.JoinHostPort(u.Hostname(), port)
	p.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
}

// security reads what is expected of the directory's certificate.
func (p *directory) security(o *Options, env Env) {
	options := o.Group("tlsOptions")
	name, authorities := options.Text("servername"), options.TextOrTexts("ca")
	verify := !options.Has("rejectUnauthorized") || options.Flag("rejectUnauthorized")
	options.unknown()
	if p.tls == nil {
		return
	}
	if name != "" {
		p.tls.ServerName = name
	}
	if authorities != nil {
		p.tls.RootCAs = x509.NewCertPool()
		for _, text := range authorities {
			if !p.tls.RootCAs.AppendCertsFromPEM([]byte(text)) {
				options.Problem("ca", "must hold certificates in PEM")
			}
		}
	}
	if !verify && !env.AllowInsecure {
		options.Problem("rejectUnauthorized", "lets anybody be the directory; it needs the option enableInsecureAuthAdapters")
	}
	p.tls.InsecureSkipVerify = !verify
}

func (p *directory) prove(ctx context.Context, data *parse.Object) (*parse.Object, error) {
	id, password := text(data, "id"), text(data, "password")
	wrong := parse.NewError(parse.ObjectNotFound, "LDAP: Wrong username or password")
	// A directory takes an empty password for somebody who does not say who they are.
	if id == "" || len(id) > idLength || password == "" || strings.TrimSpace(id) != id || strings.ContainsFunc(id, unicode.IsControl) {
		return nil, wrong
	}
	err := p.bind(ctx, id, password)
	switch {
	case err == nil:
		return identified(id), nil
	case errors.Is(err, errNotInGroup):
		return nil, parse.NewError(parse.ObjectNotFound, "LDAP: User not in group")
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax):
		return nil, wrong.WithCause(err)
	}
	return nil, unreachable("LDAP", err)
}

var errNotInGroup = errors.New("the user is not in the group")

// bind binds as a user, and looks the user up in the group if there is one.
func (p *directory) bind(ctx context.Context, id, password string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	conn, err := p.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if !p.implicit && !p.plain {
		if err := conn.StartTLS(p.tls); err != nil {
			return err
		}
	}
	// What is special in a name, in the name (advisory D12, RFC 4514).
	name := strings.ReplaceAll(p.name, idPlace, ldap.EscapeDN(id))
	if err := conn.Bind(name, password); err != nil || p.groupName == "" {
		return err
	}
	return p.group(conn, id, name)
}

func (p *directory) dial(ctx context.Context) (*ldap.Conn, error) {
	var conn net.Conn
	var err error
	if p.implicit {
		conn, err = (&tls.Dialer{Config: p.tls}).DialContext(ctx, p.network, p.address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, p.network, p.address)
	}
	if err != nil {
		return nil, err
	}
	c := ldap.NewConn(conn, p.implicit)
	c.SetTimeout(fetchTime)
	c.Start()
	return c, nil
}

// group looks for a group of the name that has the user.
func (p *directory) group(conn *ldap.Conn, id, name string) error {
	// What is special in a filter, in the filter (advisory D12, RFC 4515).
	filter := "(&(uniqueMember=" + ldap.EscapeFilter(name) + ")(objectClass=groupOfUniqueNames))"
	if p.groupFilter != "" {
		filter = strings.ReplaceAll(p.groupFilter, idPlace, ldap.EscapeFilter(id))
	}
	filter = "(&(cn=" + ldap.EscapeFilter(p.groupName) + ")" + filter + ")"
	found, err := conn.Search(ldap.NewSearchRequest(p.suffix, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
		1, int(fetchTime.Seconds()), false, filter, []string{"1.1"}, nil))
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded): // there are more of the name
		return nil
	case err != nil:
		return err
	case len(found.Entries) == 0:
		return errNotInGroup
	}
	return nil
}
