package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/letter"
	"github.com/loam-baas/loam/internal/mail"
	"github.com/loam-baas/loam/internal/pages"
	"github.com/loam-baas/loam/internal/store"
)

// inboxKeeps is how many mails a development inbox has.
const inboxKeeps = 100

// discretion is how long requests about an address take at least. It is more than
// what a store takes to write a token and a mail.
const discretion = 100 * time.Millisecond

// openMail starts the app's mail queue; nil without mail.
func openMail(c *config.Mail, s store.Store, logger *slog.Logger) (*mail.Queue, error) {
	var sender mail.Sender
	switch c.Driver {
	case config.MailNone:
		return nil, nil
	case config.MailSMTP:
		sender = mail.NewSMTP(mail.SMTPOptions{
			Host: c.Host, Port: c.Port, Security: mail.Security(c.Security),
			Username: c.Username, Password: c.Password, Helo: c.Helo, Timeout: c.Timeout,
		})
	case config.MailWebhook:
		hook, err := mail.NewWebhook(mail.WebhookOptions{URL: c.URL, Secret: c.Secret, Timeout: c.Timeout})
		if err != nil {
			return nil, err
		}
		sender = hook
	case config.MailInbox:
		sender = mail.NewInbox(mail.InboxOptions{Dir: c.Dir, Keep: inboxKeeps, Logger: logger})
	default:
		return nil, fmt.Errorf("unknown mail driver %q", c.Driver)
	}
	q := mail.NewQueue(mail.QueueOptions{Store: s, Sender: sender, Logger: logger, From: c.From, ReplyTo: c.ReplyTo})
	q.Start()
	return q, nil
}

// mailOptions are those of the accounts; the queue is nil without mail.
func mailOptions(c *config.App, q *mail.Queue) account.MailOptions {
	o := account.MailOptions{
		AppName: c.AppName, PublicURL: c.PublicServerURL, PagePath: "/" + c.Pages.Endpoint + "/" + c.AppID, FrameURL: c.Pages.FrameURL,
		VerifyUserEmails:                   c.Verification.Required,
		SendUserEmailVerification:          c.Verification.Send,
		PreventLoginWithUnverifiedEmail:    c.Verification.PreventLogin,
		PreventSignupWithUnverifiedEmail:   c.Verification.PreventSignup,
		EmailVerifyTokenValidity:           c.Verification.TokenValidity,
		EmailVerifyTokenReuseIfValid:       c.Verification.ReuseToken,
		EmailVerifySuccessOnInvalidEmail:   c.Verification.SuccessOnInvalidEmail,
		ResetTokenValidity:                 c.PasswordReset.TokenValidity,
		ResetTokenReuseIfValid:             c.PasswordReset.ReuseToken,
		ResetPasswordSuccessOnInvalidEmail: c.PasswordReset.SuccessOnInvalidEmail,
		UnlockOnPasswordReset:              c.PasswordReset.Unlock,
		Discretion:                         discretion,
	}
	if q != nil {
		o.Mailer = &letter.Writer{Queue: q, Locale: c.Pages.FallbackLocale}
	}
	return o
}

func openPages(c *config.App, links account.Links) (*pages.App, error) {
	p, newer, older := &c.Pages, &c.Pages.URLs, &c.Pages.OlderURLs
	urls := map[string]string{
		"passwordReset":                cmp.Or(newer.PasswordReset, older.PasswordReset),
		"passwordResetSuccess":         cmp.Or(newer.PasswordResetSuccess, older.PasswordResetSuccess),
		"passwordResetLinkInvalid":     cmp.Or(newer.PasswordResetLinkInvalid, older.PasswordResetLinkInvalid, older.InvalidLink),
		"emailVerificationSuccess":     cmp.Or(newer.EmailVerificationSuccess, older.EmailVerificationSuccess),
		"emailVerificationSendSuccess": cmp.Or(newer.EmailVerificationSendSuccess, older.EmailVerificationSendSuccess),
		"emailVerificationSendFail":    cmp.Or(newer.EmailVerificationSendFail, older.EmailVerificationSendFail),
		"emailVerificationLinkInvalid": cmp.Or(newer.EmailVerificationLinkInvalid, older.EmailVerificationLinkInvalid, older.InvalidLink),
		"emailVerificationLinkExpired": cmp.Or(newer.EmailVerificationLinkExpired, older.EmailVerificationLinkExpired, older.InvalidLink),
	}
	return pages.NewApp(pages.Options{
		ID: c.AppID, Name: c.AppName, Links: links, Endpoint: p.Endpoint, PublicURL: c.PublicServerURL,
		Dir: p.Dir, Localize: p.Localize, TextsFile: p.Texts, FallbackLocale: p.FallbackLocale,
		Placeholders: p.Placeholders, ForceRedirect: p.ForceRedirect, EncodeHeaders: p.EncodeHeaders,
		URLs: urls, FrameURL: p.FrameURL,
	})
}

// closeMail waits for mails that are being sent, and lets go of the pages.
func (a *App) closeMail(ctx context.Context) error {
	var err error
	if a.mail != nil {
		err = a.mail.Close(ctx)
	}
	return errors.Join(err, a.pages.Close())
}
