package pages

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/loam-baas/loam/internal/wording"
)

// page is one of the pages: its name in pages.customUrls, and its file.
type page struct{ name, file string }

// The pages of Parse Server.
var (
	passwordReset                = page{"passwordReset", "password_reset.html"}
	passwordResetSuccess         = page{"passwordResetSuccess", "password_reset_success.html"}
	passwordResetLinkInvalid     = page{"passwordResetLinkInvalid", "password_reset_link_invalid.html"}
	emailVerificationSuccess     = page{"emailVerificationSuccess", "email_verification_success.html"}
	emailVerificationSendSuccess = page{"emailVerificationSendSuccess", "email_verification_send_success.html"}
	emailVerificationSendFail    = page{"emailVerificationSendFail", "email_verification_send_fail.html"}
	emailVerificationLinkInvalid = page{"emailVerificationLinkInvalid", "email_verification_link_invalid.html"}
	emailVerificationLinkExpired = page{"emailVerificationLinkExpired", "email_verification_link_expired.html"}
)

// Pages of Loam's own, at no path.
var (
	notFound = page{name: "notFound"}
	tooMany  = page{name: "tooMany"}
	failed   = page{name: "failed"}
)

var all = []page{passwordReset, passwordResetSuccess, passwordResetLinkInvalid, emailVerificationSuccess,
	emailVerificationSendSuccess, emailVerificationSendFail, emailVerificationLinkInvalid, emailVerificationLinkExpired}

// params are a page's parameters, in order: they fill its placeholders, and go
// along as headers or in a redirect's URL.
type params struct{ pairs [][2]string }

// set adds a parameter, or replaces it; an empty one is none.
func (p *params) set(name, value string) {
	for i := range p.pairs {
		if p.pairs[i][0] == name {
			p.pairs[i][1] = value
			return
		}
	}
	if value != "" {
		p.pairs = append(p.pairs, [2]string{name, value})
	}
}

func (p *params) get(name string) string {
	for _, pair := range p.pairs {
		if pair[0] == name {
			return pair[1]
		}
	}
	return ""
}

// goTo shows a page, or redirects to it: where pages are kept elsewhere, and what
// a form has sent is not to be sent again when the page is loaded anew.
func (v *visit) goTo(to page, p params) {
	v.goThere(to, p, v.app.ForceRedirect || v.r.Method == http.MethodPost)
}

// goToContent is goTo that does not redirect for the form's sake.
func (v *visit) goToContent(to page, p params) { v.goThere(to, p, v.app.ForceRedirect) }

func (v *visit) goThere(to page, p params, redirect bool) {
	if v.app.Name == "" { // as Parse Server, which has nothing to show then
		v.notFound()
		return
	}
	locale := v.locale()
	v.complete(&p, locale)
	if address := v.app.URLs[to.name]; address != "" {
		v.redirect(address, p)
		return
	}
	directory := v.directory(to.file, locale)
	if redirect {
		v.redirect(v.app.pageURL(directory+to.file), p)
		return
	}
	if !v.showOwn(directory+to.file, p, locale) {
		v.show(http.StatusOK, to, p)
	}
}

// complete adds the parameters that every page has.
func (v *visit) complete(p *params, locale string) {
	p.set("appId", v.app.ID)
	p.set("appName", v.app.Name)
	p.set("publicServerUrl", v.app.PublicURL)
	p.set("locale", locale)
}

// pageURL is the URL of what is below the endpoint.
func (a *App) pageURL(path string) string { return a.PublicURL + "/" + a.Endpoint + "/" + path }

// locale is the language that the request names, or "".
func (v *visit) locale() string {
	for _, named := range []string{single(v.query, "locale"), single(v.form, "locale"), v.r.Header.Get("X-Parse-Page-Param-Locale")} {
		if named == "" {
			continue
		}
		if !locales.MatchString(named) || len(named) > 50 {
			return ""
		}
		return named
	}
	return ""
}

// directory is that of a page in a language, with a slash behind it, or "".
func (v *visit) directory(file, locale string) string {
	if !v.app.Localize || locale == "" {
		return ""
	}
	language, _, _ := strings.Cut(locale, "-")
	if v.app.dir != nil {
		for _, directory := range []string{locale + "/", language + "/"} {
			if info, err := v.app.dir.Stat(directory + file); err == nil && info.Mode().IsRegular() {
				return directory
			}
		}
		return ""
	}
	if slices.Contains(wording.Languages(), language) {
		return language + "/"
	}
	return ""
}

// redirect sends a browser to a URL with the parameters.
func (v *visit) redirect(address string, p params) {
	target, err := url.Parse(address)
	if err != nil {
		v.fail(err)
		return
	}
	given := target.Query()
	query := target.RawQuery
	for _, pair := range p.pairs {
		if given.Has(pair[0]) { // what the app says of itself counts
			given.Del(pair[0])
			query = given.Encode()
		}
	}
	for _, pair := range p.pairs {
		if query != "" {
			query += "&"
		}
		query += url.QueryEscape(pair[0]) + "=" + url.QueryEscape(pair[1])
	}
	target.RawQuery = query
	v.headers(contentHTML)
	v.paramHeaders(p)
	v.w.Header().Set("Location", target.String())
	v.w.WriteHeader(http.StatusSeeOther)
}

// paramHeaders tells scripts the parameters, so that they need not read pages.
func (v *visit) paramHeaders(p params) {
	for _, pair := range p.pairs {
		value := pair[1]
		if v.app.EncodeHeaders {
			value = encodeComponent(value)
		}
		value = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f { // row I08: what would end a header
				return -1
			}
			return r
		}, value)
		v.w.Header().Set("X-Parse-Page-Param-"+pair[0], value)
	}
}

// component undoes what url.QueryEscape escapes otherwise than JavaScript's
// encodeURIComponent.
var component = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")

func encodeComponent(s string) string { return component.Replace(url.QueryEscape(s)) }

//go:embed page.html
var layout string

//go:embed page.css
var style string

var pageTemplate = template.Must(template.New("page").Parse(layout))

// view is what Loam's own page shows.
type view struct {
	Style              template.CSS
	Language, AppName  string
	Title, Text, Error string
	Form               *form
}

// form is a page's form.
type form struct {
	Action  string
	Hidden  [][2]string
	Fields  []field
	Button  string
	Invalid bool // the fields are what the error is about
}

type field struct{ Name, Label, Type, Complete string }

// texts are the wording of the page, in the language that is asked for.
func (v *visit) texts() *wording.Texts {
	if v.app == nil {
		return wording.For(v.r.Header.Get("Accept-Language"))
	}
	if !v.app.Localize {
		return wording.For(v.app.FallbackLocale)
	}
	locale := v.locale()
	texts := wording.For(locale, v.r.Header.Get("Accept-Language"), v.app.FallbackLocale)
	return texts.With(v.app.textsFor(locale, params{}))
}

// show answers with Loam's own page.
func (v *visit) show(status int, shown page, p params) {
	t := v.texts()
	data := view{Style: template.CSS(style), Language: t.Language}
	app := ""
	if v.app != nil {
		app, data.AppName = v.app.Name, v.app.Name
	}
	data.Title = t.Line(shown.name + ".title")
	data.Text = t.Line(shown.name+".text", "app", app)
	data.Error = v.explain(t, p.get("error"))
	data.Form = v.formOf(shown, t, p)
	if data.Form != nil {
		data.Form.Invalid = data.Error != ""
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, data); err != nil {
		v.door.logger.ErrorContext(v.r.Context(), "a page can't be shown", "error", err)
		out.Reset()
	}
	v.headers(contentHTML)
	policy := defaultPolicy
	if v.app != nil {
		policy = v.app.policy
		v.paramHeaders(p)
	}
	v.w.Header().Set("Content-Security-Policy", policy)
	v.w.WriteHeader(status)
	_, _ = v.w.Write(out.Bytes()) // the client has gone when it fails
}

// defaultPolicy is that of pages that are no app's.
var defaultPolicy = (&App{}).contentPolicy()

// explain says in the page's language what is wrong; what is the app's own
// wording stays as it is.
func (v *visit) explain(t *wording.Texts, problem string) string {
	switch problem {
	case "Failed to reset password: username / email / token is invalid":
		return t.Line("passwordReset.linkInvalid")
	case "The password reset link has expired":
		return t.Line("passwordReset.linkExpired")
	}
	return problem
}

// formOf is the form that a page has, or nil.
func (v *visit) formOf(shown page, t *wording.Texts, p params) *form {
	if v.app == nil {
		return nil
	}
	action := func(what string) string { return v.app.pageURL(url.PathEscape(v.app.ID) + "/" + what) }
	var hidden [][2]string
	if locale := v.locale(); locale != "" {
		hidden = append(hidden, [2]string{"locale", locale})
	}
	switch shown {
	case passwordReset:
		return &form{
			Action: action("request_password_reset"), Hidden: append(hidden, [2]string{"token", p.get("token")}),
			Fields: []field{
				{"new_password", t.Line("passwordReset.label"), "password", "new-password"},
				{"repeat_password", t.Line("passwordReset.repeat"), "password", "new-password"},
			},
			Button: t.Line("passwordReset.button"),
		}
	case emailVerificationLinkInvalid, emailVerificationLinkExpired:
		return &form{
			Action: action("resend_verification_email"), Hidden: hidden,
			Fields: []field{{"username", t.Line("resend.label"), "text", "username"}},
			Button: t.Line("resend.button"),
		}
	}
	return nil
}
