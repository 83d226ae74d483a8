package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadMail(t *testing.T) {
	server := func(change func(*Mail)) Mail {
		m := Mail{Driver: MailSMTP, From: "a@b.c", Timeout: 30 * time.Second, Host: "h", Port: 587, Security: "required"}
		change(&m)
		return m
	}
	tests := map[string]struct {
		value any
		want  Mail
	}{
		"encrypted from the first byte": {"smtps://u:p%40ss@h?from=a@b.c", server(func(m *Mail) { m.Port, m.Security, m.Username, m.Password = 465, "tls", "u", "p@ss" })},
		"STARTTLS by default":           {"smtp://h?from=a@b.c", server(func(*Mail) {})},
		"STARTTLS as it comes":          {"smtp://h:25?from=a@b.c&starttls=optional", server(func(m *Mail) { m.Port, m.Security = 25, "optional" })},
		"on this machine":               {"smtp://localhost:1025?from=a@b.c", server(func(m *Mail) { m.Host, m.Port, m.Security = "localhost", 1025, "optional" })},
		"with all there is": {"smtp://h?from=Game+%3Ca@b.c%3E&replyTo=d@e.f&helo=me&timeout=5s&starttls=none", server(func(m *Mail) {
			m.From, m.ReplyTo, m.Helo, m.Timeout, m.Security = "Game <a@b.c>", "d@e.f", "me", 5*time.Second, "none"
		})},
		"an object": {map[string]any{"url": "smtp://h", "from": "a@b.c", "replyTo": "d@e.f"}, server(func(m *Mail) { m.ReplyTo = "d@e.f" })},
		"a hook": {"https://:0123456789abcdef01234567@hook.example/mail?key=1&from=a@b.c",
			Mail{Driver: MailWebhook, From: "a@b.c", Timeout: 30 * time.Second, URL: "https://hook.example/mail?key=1", Secret: "0123456789abcdef01234567"}},
		"a hook as an object": {map[string]any{"url": "https://hook.example", "from": "a@b.c", "secret": "0123456789abcdef01234567"},
			Mail{Driver: MailWebhook, From: "a@b.c", Timeout: 30 * time.Second, URL: "https://hook.example", Secret: "0123456789abcdef01234567"}},
		"the inbox": {"inbox:", Mail{Driver: MailInbox, From: "noreply@localhost", Timeout: 30 * time.Second}},
		"an adapter by its options": {map[string]any{"module": "simple-parse-smtp-adapter", "options": map[string]any{
			"fromAddress": "a@b.c", "user": "u", "password": "p", "host": "h", "isSSL": true, "port": int64(465), "name": "me", "emailField": "email",
			"templates": map[string]any{"resetPassword": map[string]any{"subject": "x"}}}},
			server(func(m *Mail) { m.Username, m.Password, m.Port, m.Security, m.Helo = "u", "p", 465, "tls", "me" })},
		"another": {map[string]any{"module": "parse-smtp-template", "options": map[string]any{
			"fromAddress": "a@b.c", "user": "u", "password": "p", "host": "h", "port": int64(587), "secure": false, "template": true, "templatePath": "t.html"}},
			server(func(m *Mail) { m.Username, m.Password = "u", "p" })},
		"Nodemailer's form": {map[string]any{"host": "h", "port": int64(465), "auth": map[string]any{"user": "u", "pass": "p"}, "from": "a@b.c"},
			server(func(m *Mail) { m.Username, m.Password, m.Port, m.Security = "u", "p", 465, "tls" })},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := readMail(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReadMail_RefusesClearly(t *testing.T) {
	tests := map[string]struct {
		value any
		says  string
	}{
		"nothing":                   {"", "smtps://"},
		"a module's name":           {"@parse/simple-mailgun-adapter", "can't load"},
		"a file":                    {"./mailer.js", "can't load"},
		"an adapter by a service":   {map[string]any{"module": "@parse/simple-mailgun-adapter", "options": map[string]any{"fromAddress": "a@b.c", "domain": "d", "apiKey": "hidden"}}, "can't load"},
		"an adapter by a function":  {map[string]any{"module": "parse-server-api-mail-adapter", "options": map[string]any{"sender": "a@b.c"}}, "can't load"},
		"no sender":                 {"smtp://h", "from="},
		"a sender that is none":     {"smtp://h?from=me", "address"},
		"no host":                   {"smtp://?from=a@b.c", "no SMTP server"},
		"a port that is none":       {"smtp://h:0?from=a@b.c", "port"},
		"another STARTTLS":          {"smtp://h?from=a@b.c&starttls=maybe", "starttls"},
		"STARTTLS within TLS":       {"smtps://h?from=a@b.c&starttls=required", "starttls"},
		"a name that means nothing": {"smtp://h?from=a@b.c&tls=1", "none of"},
		"a member of no meaning":    {map[string]any{"url": "smtp://h", "from": "a@b.c", "pool": true}, `"pool"`},
		"a time that is too long":   {"smtp://h?from=a@b.c&timeout=1h", "timeout"},
		"a hook's short secret":     {"https://:hidden@hook.example?from=a@b.c", "24 bytes"},
		"a hook without a secret":   {"https://hook.example?from=a@b.c", "secret"},
		"a password that breaks it": {"smtp://u:hidden%zz@h", "can't be read"},
		"a list":                    {[]any{"smtp://h"}, "must say where mail goes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readMail(tt.value)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("error %v, want one that says %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("%q tells a secret", err)
			}
		})
	}
}

func TestSetting_MasksWhatAnObjectOfMailHas(t *testing.T) {
	e := mustLoad(t, Sources{Env: with(app, `PARSE_SERVER_EMAIL_ADAPTER={"url":"https://hook.example","from":"a@b.c","secret":"hidden-0123456789abcdef01"}`)})
	s, err := e.Get("emailAdapter")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Text(false); strings.Contains(got, "hidden") {
		t.Errorf("it is shown as %q", got)
	}
}

func TestLoad_MailNeedsWhatItNeeds(t *testing.T) {
	tests := map[string]struct {
		env  []string
		says string
	}{
		"verification without mail":   {[]string{"PARSE_SERVER_VERIFY_USER_EMAILS=1", "PARSE_SERVER_APP_NAME=Game"}, "emailAdapter"},
		"verification without a name": {[]string{"PARSE_SERVER_VERIFY_USER_EMAILS=1", "PARSE_SERVER_EMAIL_ADAPTER=inbox:"}, "appName"},
		"reuse without an end":        {[]string{"PARSE_SERVER_EMAIL_VERIFY_TOKEN_REUSE_IF_VALID=1"}, "emailVerifyTokenValidityDuration"},
		"reuse of reset tokens":       {[]string{`PARSE_SERVER_PASSWORD_POLICY={"resetTokenReuseIfValid":true}`}, "resetTokenValidityDuration"},
		"a validity of no time":       {[]string{"PARSE_SERVER_EMAIL_VERIFY_TOKEN_VALIDITY_DURATION=0"}, "from 1"},
		"pages elsewhere, nowhere":    {[]string{`PARSE_SERVER_PAGES={"customUrls":{"passwordReset":"/reset.html"}}`}, "URL"},
		"an endpoint that climbs":     {[]string{`PARSE_SERVER_PAGES={"pagesEndpoint":"../x"}`}, "plain path"},
		"a fallback that climbs":      {[]string{`PARSE_SERVER_PAGES={"localizationFallbackLocale":"../x"}`}, "language"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Load(Sources{Env: with(app, tt.env...)}); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want one that says %q", err, tt.says)
			}
		})
	}
}

func TestLoad_WithoutConfigurationMailStaysOnTheMachine(t *testing.T) {
	dir := t.TempDir()
	load := func(env ...string) Mail {
		return mustLoad(t, Sources{Env: append(env, "LOAM_DATA_DIR="+dir), GenerateKeys: true}).Process.Apps[0].Mail
	}
	if m := load(); m.Driver != MailInbox || !strings.HasPrefix(m.Dir, dir) {
		t.Errorf("mail goes to %+v, want an inbox below %s", m, dir)
	}
	if m := load("PARSE_SERVER_HOST=0.0.0.0"); m.Driver != MailNone {
		t.Errorf("mail goes to %+v, want nowhere, as others can reach the server", m)
	}
	if m := load("PARSE_SERVER_EMAIL_ADAPTER=smtp://h?from=a@b.c"); m.Driver != MailSMTP {
		t.Errorf("mail goes to %+v, want the SMTP server", m)
	}
}
