package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loam-baas/loam/internal/signature"
)

// MailDriver is a way to send mail.
type MailDriver string

// The ways to send mail. The zero one is none: what needs mail is refused.
const (
	MailNone    MailDriver = ""
	MailSMTP    MailDriver = "smtp"
	MailWebhook MailDriver = "webhook"
	// MailInbox keeps mail in files, for development.
	MailInbox MailDriver = "inbox"
)

// Mail says what mail is sent through (Parse Server's option emailAdapter).
type Mail struct {
	Driver MailDriver
	// From and ReplyTo are addresses, with a name before them or without one.
	From, ReplyTo string
	// Timeout bounds the sending of one message.
	Timeout time.Duration

	// Host, Port and the rest are the SMTP server's. Security is "tls", or what
	// STARTTLS is: "required", "optional" or "none".
	Host               string
	Port               int
	Security           string
	Username, Password string
	Helo               string

	// URL is the hook's, and Secret signs what is posted there.
	URL, Secret string

	// Dir is the inbox's directory.
	Dir string
}

// Verification says how users confirm their email address.
type Verification struct {
	// Required asks them to, by a mail if Send.
	Required, Send bool
	// PreventLogin refuses to log in who has not confirmed it, and PreventSignup
	// answers a sign-up with that refusal.
	PreventLogin, PreventSignup bool
	// TokenValidity is how long the link in the mail is good for; 0 is for ever.
	// ReuseToken sends the same link again while it is.
	TokenValidity time.Duration
	ReuseToken    bool
	// SuccessOnInvalidEmail answers a request for the mail in the same way when
	// there is nothing to confirm.
	SuccessOnInvalidEmail bool
}

// PasswordReset says how users who forgot their password choose another one.
type PasswordReset struct {
	// TokenValidity is how long the link in the mail is good for; 0 is for ever.
	// ReuseToken sends the same link again while it is.
	TokenValidity time.Duration
	ReuseToken    bool
	// SuccessOnInvalidEmail answers unknown addresses as known ones.
	SuccessOnInvalidEmail bool
	// Unlock opens an account that failed log-ins have closed.
	Unlock bool
}

// mailTimeout bounds the sending of one message when nothing else is said.
const mailTimeout = 30 * time.Second

// mailForms is what emailAdapter may be; it ends the message of every refusal
// that a newcomer may meet.
const mailForms = "give smtps://user:password@host:465?from=app@example.com, a hook as https://:secret@host/path?from=app@example.com, or inbox: for development"

// readMail reads the option emailAdapter: a URL, or an object with a url and what
// belongs to it, or the module and options of an adapter for Parse Server whose
// options say which server to use.
func readMail(value any) (any, error) {
	switch v := value.(type) {
	case string:
		return mailFromURL(v, nil)
	case map[string]any:
		if _, has := v["module"]; has {
			return mailFromAdapter(v)
		}
		if target, ok := v["url"].(string); ok {
			return mailFromURL(target, v)
		}
		if _, has := v["host"]; has {
			return mailFromServer(v)
		}
	}
	return nil, errors.New("must say where mail goes: " + mailForms)
}

// mailFromURL reads a URL; members are those of the object that it is in.
func mailFromURL(text string, members map[string]any) (any, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("has a url that can't be read; " + mailForms) // err would quote the password
	}
	m := Mail{Timeout: mailTimeout}
	query := u.Query()
	settings, err := mailSettings(members, "url")
	if err != nil {
		return nil, err
	}
	take := func(name string) string {
		value := query.Get(name)
		query.Del(name)
		if inObject, ok := settings[name]; ok {
			delete(settings, name)
			return inObject
		}
		return value
	}
	m.From, m.ReplyTo = take("from"), take("replyTo")
	if text := take("timeout"); text != "" {
		if m.Timeout, err = time.ParseDuration(text); err != nil || m.Timeout < time.Second || m.Timeout > 2*time.Minute {
			return nil, errors.New("has a timeout that is not from 1s to 2m")
		}
	}
	password, _ := u.User.Password()
	switch u.Scheme {
	case "smtp", "smtps":
		m.Driver, m.Host, m.Username, m.Password = MailSMTP, u.Hostname(), u.User.Username(), password
		if err := m.readServer(u.Scheme == "smtps", u.Port(), take("starttls"), take("helo")); err != nil {
			return nil, err
		}
		if u.Path != "" && u.Path != "/" || len(query) > 0 {
			return nil, errors.New("has an SMTP URL with something that is none of from, replyTo, starttls, helo and timeout")
		}
	case "http", "https":
		if m.Secret = take("secret"); m.Secret == "" {
			m.Secret = password
		}
		u.User, u.RawQuery = nil, query.Encode()
		m.Driver, m.URL = MailWebhook, u.String()
		if u.Host == "" || m.Secret == "" {
			return nil, errors.New("has a hook without a host or without a secret that signs what is posted: " + mailForms)
		}
		if _, err := signature.Key(m.Secret); err != nil {
			return nil, fmt.Errorf("has a secret that %w", err)
		}
	case "inbox":
		m.Driver = MailInbox
		if m.From == "" {
			m.From = "noreply@localhost"
		}
	default:
		return nil, errors.New("names something that Loam can't load; " + mailForms)
	}
	if len(settings) > 0 {
		return nil, fmt.Errorf("has a member %q, which means nothing there", anyKey(settings))
	}
	return m.checked()
}

// mailFromServer reads the members host, port and so on.
func mailFromServer(members map[string]any) (any, error) {
	settings, err := mailSettings(members)
	if err != nil {
		return nil, err
	}
	first := func(names ...string) (value string) {
		for _, name := range names {
			if value == "" {
				value = settings[name]
			}
			delete(settings, name)
		}
		return value
	}
	m := Mail{Driver: MailSMTP, Timeout: mailTimeout, Host: first("host")}
	m.From, m.ReplyTo = first("from", "fromAddress", "sender"), first("replyTo")
	m.Username, m.Password = first("user", "username"), first("password", "pass")
	port := first("port")
	encrypted := first("secure", "isSSL")
	if err := m.readServer(encrypted == "true" || encrypted == "" && port == "465", port, first("starttls"), first("helo", "name")); err != nil {
		return nil, err
	}
	// What adapters have for their templates has no meaning here.
	for _, name := range []string{"template", "templatePath", "emailField"} {
		delete(settings, name)
	}
	if len(settings) > 0 {
		return nil, fmt.Errorf("has a member %q, which means nothing there", anyKey(settings))
	}
	return m.checked()
}

// mailFromAdapter reads what is configured for an adapter of Parse Server. Its
// module is JavaScript; options that name an SMTP server mean the same here.
func mailFromAdapter(adapter map[string]any) (any, error) {
	options, _ := adapter["options"].(map[string]any)
	if _, has := options["host"].(string); has && options["apiKey"] == nil {
		options = cloneWithout(options, "templates", "passwordOptions", "confirmOptions")
		return mailFromServer(options)
	}
	return nil, errors.New("names a JavaScript module, which Loam can't load, and its options name no SMTP server; " + mailForms)
}

func cloneWithout(members map[string]any, names ...string) map[string]any {
	rest := make(map[string]any, len(members))
	for name, value := range members {
		if !slices.Contains(names, name) {
			rest[name] = value
		}
	}
	return rest
}

// mailSettings are an object's members as text, but for those named.
func mailSettings(members map[string]any, but ...string) (map[string]string, error) {
	settings := make(map[string]string, len(members))
	for name, value := range members {
		if slices.Contains(but, name) {
			continue
		}
		switch v := value.(type) {
		case string:
			settings[name] = v
		case bool:
			settings[name] = strconv.FormatBool(v)
		case int64:
			settings[name] = strconv.FormatInt(v, 10)
		case float64:
			settings[name] = strconv.FormatFloat(v, 'f', -1, 64)
		case map[string]any: // Nodemailer's way to say who logs in
			if name != "auth" {
				return nil, fmt.Errorf("has a member %q that is no text", name)
			}
			inner, err := mailSettings(v)
			if err != nil {
				return nil, err
			}
			for name, value := range inner {
				settings[name] = value
			}
		default:
			return nil, fmt.Errorf("has a member %q that is no text", name)
		}
	}
	return settings, nil
}

func anyKey(settings map[string]string) string {
	keys := make([]string, 0, len(settings))
	for key := range settings {
		keys = append(keys, key)
	}
	return slices.Min(keys)
}

// readServer completes what is known of an SMTP server.
func (m *Mail) readServer(tls bool, port, startTLS, helo string) error {
	if m.Host == "" {
		return errors.New("names no SMTP server: smtps://user:password@host:465?from=app@example.com")
	}
	m.Helo = helo
	switch {
	case tls && startTLS != "":
		return errors.New("has starttls beside an encryption from the first byte; use smtp:// with it")
	case tls:
		m.Security, m.Port = "tls", 465
	case startTLS == "":
		m.Security, m.Port = "required", 587
		if m.Host == "localhost" || net.ParseIP(m.Host).IsLoopback() {
			m.Security = "optional" // nobody listens on the way
		}
	case slices.Contains([]string{"required", "optional", "none"}, startTLS):
		m.Security, m.Port = startTLS, 587
	default:
		return errors.New("has a starttls that is none of required, optional and none")
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return errors.New("has a port that is none")
		}
		m.Port = n
	}
	if strings.ContainsFunc(m.Username+m.Password+m.Helo+m.Host, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("must not have control characters")
	}
	return nil
}

// checked is m, if its addresses are some.
func (m Mail) checked() (any, error) {
	if m.From == "" {
		return nil, errors.New("must say who mail is from: add from=app@example.com")
	}
	for _, address := range []string{m.From, m.ReplyTo} {
		if _, err := mail.ParseAddress(address); address != "" && err != nil {
			return nil, fmt.Errorf("has an address that is none: %q", address)
		}
	}
	return m, nil
}
