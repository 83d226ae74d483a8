package provider

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// Env is what providers are given besides their options.
type Env struct {
	// HTTP reaches the providers; nil is a client of their own. Whichever it is,
	// redirects are not followed, and answers are bounded in time and size.
	HTTP *http.Client
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// AllowInsecure is the option enableInsecureAuthAdapters: providers may be used
	// that take a token which was made for another app (advisory D04).
	AllowInsecure bool
	// Anonymous is the option enableAnonymousUsers.
	Anonymous bool
	Logger    *slog.Logger
	// Modules are a program's own providers, by the name that the option module
	// gives. They go before Loam's.
	Modules map[string]Module
}

// Module makes a provider of its options, and tells by their methods what is
// wrong with them. It returns nil then.
type Module func(name string, o *Options, env Env) Provider

// modules are the providers that Loam has. Their names are those of the option
// auth's members, or of its option module.
func modules() map[string]Module {
	return map[string]Module{
		"anonymous":      newAnonymous,
		"apple":          newApple,
		"facebook":       newFacebook,
		"gcenter":        newGameCenter,
		"github":         newGitHub,
		"google":         newGoogle,
		"gpgames":        newGooglePlayGames,
		"instagram":      newInstagram,
		"janraincapture": newJanrainCapture,
		"janrainengage":  newJanrainEngage,
		"keycloak":       newKeycloak,
		"ldap":           newLDAP,
		"line":           newLine,
		"linkedin":       newLinkedIn,
		"meetup":         newMeetup,
		"mfa":            newMFA,
		"microsoft":      newMicrosoft,
		"oauth2":         newOAuth2,
		"oidc":           newOIDC,
		"phantauth":      newPhantAuth,
		"qq":             newQQ,
		"spotify":        newSpotify,
		"twitter":        newTwitter,
		"vkontakte":      newVK,
		"webhook":        newWebhook,
		"wechat":         newWeChat,
		"weibo":          newWeibo,
	}
}

// A provider's name becomes a part of a field's name, _auth_data_<name>.
var nameForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// Open makes an app's providers from its option auth: by provider's name, the
// provider's options. Its error tells all that is wrong with them. A provider
// lacking what makes it safe is wrong (advisory D07).
func Open(settings map[string]map[string]any, env Env) (map[string]Provider, error) {
	env.HTTP = bounded(env.HTTP)
	if env.Now == nil {
		env.Now = time.Now
	}
	if env.Logger == nil {
		env.Logger = slog.New(slog.DiscardHandler)
	}
	known := modules()
	maps.Copy(known, env.Modules)
	providers := map[string]Provider{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !nameForm.MatchString(name) {
			problems = append(problems, fmt.Errorf("auth.%s must be named by a letter and at most 63 letters, digits and underscores", name))
			continue
		}
		o := newOptions("auth."+name, settings[name])
		if enabled := o.Flag("enabled"); o.Has("enabled") && !enabled {
			continue
		}
		module := moduleName(name, o)
		newProvider, ok := known[module]
		if !ok {
			problems = append(problems, fmt.Errorf("auth.%s is no provider that Loam has; an own one needs the option module, which is oidc, oauth2, webhook or the name of a plugin", name))
			continue
		}
		p := newProvider(name, o, env)
		if err := o.done(); err != nil {
			problems = append(problems, err)
			continue
		}
		providers[name] = p
	}
	if _, configured := settings["anonymous"]; env.Anonymous && !configured {
		providers["anonymous"] = newAnonymous("anonymous", newOptions("auth.anonymous", nil), env)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return providers, nil
}

// moduleName is what the option module says, or the provider's own name. Parse
// Server marks introspection with an option of its own.
func moduleName(name string, o *Options) string {
	if o.Flag("oauth2") && !o.Has("module") {
		return "oauth2"
	}
	if module := o.Text("module"); module != "" {
		return module
	}
	return name
}

// insecure tells whether a provider is to take tokens that may have been made for
// another app: its own option says so, and must be allowed by the app's.
func (e *Env) insecure(o *Options) bool {
	if !o.Flag("enableInsecureAuth") {
		return false
	}
	if !e.AllowInsecure {
		o.Problem("enableInsecureAuth", "takes tokens that were made for other apps; it needs the option enableInsecureAuthAdapters")
	}
	return true
}
