package pages

import (
	"errors"
	"net/http"

	"github.com/loam-baas/loam/internal/parse"
)

// verifyEmail is where a link to confirm an address leads.
func (v *visit) verifyEmail() {
	token := single(v.query, "token")
	err := v.app.Links.VerifyEmail(v.r.Context(), token)
	switch {
	case err == nil:
		v.goTo(emailVerificationSuccess, params{})
	case public(err):
		v.goTo(emailVerificationLinkInvalid, params{})
	default:
		v.fail(err)
	}
}

// resendVerification is where the form for another such link leads.
func (v *visit) resendVerification() {
	username, token := single(v.form, "username"), single(v.form, "token")
	if username == "" && token == "" {
		v.goTo(emailVerificationLinkInvalid, params{})
		return
	}
	err := v.app.Links.ResendVerification(v.r.Context(), username, token)
	switch {
	case err == nil:
		v.goTo(emailVerificationSendSuccess, params{})
	case !public(err):
		v.fail(err)
	default:
		v.goTo(emailVerificationSendFail, params{})
	}
}

// choosePassword shows the form for a password to whoever asks.
func (v *visit) choosePassword() {
	p := params{}
	for _, name := range []string{"token", "username"} {
		p.set(name, single(v.query, name))
	}
	v.goTo(passwordReset, p)
}

// requestPasswordReset is where a link to choose a password leads.
func (v *visit) requestPasswordReset() {
	token := single(v.query, "token")
	err := v.app.Links.CheckResetToken(v.r.Context(), token)
	switch {
	case err == nil:
		p := params{}
		p.set("token", token)
		v.goTo(passwordReset, p)
	case public(err):
		v.goTo(passwordResetLinkInvalid, params{})
	default:
		v.fail(err)
	}
}

// resetPassword is where the form for a password leads. A script is answered in
// JSON.
func (v *visit) resetPassword() {
	token, passwords := single(v.form, "token"), v.form["new_password"]
	given := len(passwords) > 0 && (len(passwords) > 1 || passwords[0] != "")
	switch {
	case token != "" && given:
	case !v.script():
		v.goTo(passwordResetLinkInvalid, params{})
		return
	case token == "":
		v.answerScript(parse.NewError(parse.OtherCause, "Missing token"))
		return
	default:
		v.answerScript(parse.NewError(parse.PasswordMissing, "Missing password"))
		return
	}
	err := v.choose(token, passwords)
	if err != nil && !public(err) {
		v.fail(err)
		return
	}
	if v.script() {
		v.answerScript(err)
		return
	}
	if err == nil {
		v.goToContent(passwordResetSuccess, params{})
		return
	}
	p := params{}
	p.set("token", token)
	p.set("error", messageOf(err))
	v.goToContent(passwordReset, p)
}

// choose gives the link's user the password.
func (v *visit) choose(token string, passwords []string) error {
	if len(passwords) > 1 {
		if err := v.app.Links.CheckResetToken(v.r.Context(), token); err != nil {
			return err
		}
		return parse.NewError(parse.IncorrectType, "The password must be given once.")
	}
	// Loam's own form asks twice; other forms need not.
	if again, asked := v.form["repeat_password"]; asked && (len(again) != 1 || again[0] != passwords[0]) {
		return parse.NewError(parse.OtherCause, v.texts().Line("passwordReset.differ"))
	}
	return v.app.Links.ResetPassword(v.r.Context(), token, passwords[0])
}

// answerScript tells a script what came of a password.
func (v *visit) answerScript(err error) {
	if err == nil {
		v.json(http.StatusOK, []byte(`"Password successfully reset"`))
		return
	}
	code := parse.OtherCause
	if missing, ok := errors.AsType[*parse.Error](err); ok && missing.Code == parse.PasswordMissing {
		code = missing.Code
	}
	v.json(http.StatusBadRequest, parse.AppendJSON(nil, &parse.Object{Members: []parse.Member{
		{Key: "code", Value: parse.Number(code)}, {Key: "error", Value: parse.String(messageOf(err))}}}))
}

// public tells whether an error is one that people may be told.
func public(err error) bool {
	told, ok := errors.AsType[*parse.Error](err)
	return ok && told.Code != parse.InternalServerError
}

func messageOf(err error) string {
	if told, ok := errors.AsType[*parse.Error](err); ok {
		return told.Message
	}
	return "Internal server error."
}
