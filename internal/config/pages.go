package config

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Pages are those that links in mails lead to.
type Pages struct {
	// Endpoint is the path below the mount path where they are.
	Endpoint string
	// Dir has the app's own pages; empty for Loam's.
	Dir string
	// Localize chooses them by language, with the texts of the file Texts, if any,
	// and those of FallbackLocale where there are none.
	Localize       bool
	Texts          string
	FallbackLocale string
	// Placeholders are texts to fill in, by name.
	Placeholders map[string]string
	// ForceRedirect redirects to pages rather than to serve them.
	ForceRedirect bool
	// EncodeHeaders URL-encodes the page parameters that are sent as headers.
	EncodeHeaders bool
	// URLs are those of pages that are kept elsewhere. OlderURLs are the same by
	// the option customPages, and count where URLs has none.
	URLs, OlderURLs PageURLs
	// FrameURL is a page that shows the others in a frame.
	FrameURL string
}

// PageURLs are the URLs of pages that are kept elsewhere; empty for those that
// are not.
type PageURLs struct {
	PasswordReset, PasswordResetLinkInvalid, PasswordResetSuccess string
	EmailVerificationSuccess                                      string
	EmailVerificationSendSuccess, EmailVerificationSendFail       string
	EmailVerificationLinkInvalid, EmailVerificationLinkExpired    string
	InvalidLink                                                   string // of customPages only: any link
}

// readPagesEndpoint accepts a path's elements, without slashes around them.
func readPagesEndpoint(value any) (any, error) {
	s := strings.Trim(value.(string), "/")
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part == "." || part == ".." || url.PathEscape(part) != part {
			return nil, fmt.Errorf("must be a plain path as apps, not %q", value)
		}
	}
	return s, nil
}

// readPageURL accepts where a browser can be sent.
func readPageURL(value any) (any, error) {
	s := value.(string)
	if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("must be a URL as https://example.com/page, not %q", s)
	}
	return s, nil
}

// locale is a language with its variants, as "de", "pt-BR" or "zh-Hans-CN".
var locale = regexp.MustCompile(`^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$`)

func readLocale(value any) (any, error) {
	s := value.(string)
	if !locale.MatchString(s) {
		return nil, fmt.Errorf("must be a language as en or pt-BR, not %q", s)
	}
	return s, nil
}

// readTexts accepts an object of texts.
func readTexts(value any) (any, error) {
	texts, err := mailSettings(value.(map[string]any))
	if err != nil {
		return nil, err
	}
	return texts, nil
}
