package app

import (
	"log/slog"
	"maps"
	"slices"

	"github.com/loam-baas/loam/internal/account"
	"github.com/loam-baas/loam/internal/account/provider"
	"github.com/loam-baas/loam/internal/config"
	"github.com/loam-baas/loam/internal/engine"
	"github.com/loam-baas/loam/internal/mail"
)

// openProviders makes the identity providers that the app has configured.
func openProviders(c *config.App, logger *slog.Logger) (map[string]provider.Provider, error) {
	return provider.Open(c.Auth, provider.Env{
		AllowInsecure: c.EnableInsecureAuthAdapters, Anonymous: c.Users.Anonymous, Logger: logger,
	})
}

// providerNames are the names of providers whose users are found by an id.
func providerNames(providers map[string]provider.Provider) []string {
	return slices.Sorted(maps.Keys(providers))
}

func newAccounts(c *config.App, e *engine.Engine, providers map[string]provider.Provider, queue *mail.Queue, logger *slog.Logger) (*account.Service, error) {
	return account.New(account.Options{
		Engine: e, Logger: logger, Providers: providers, Mail: mailOptions(c, queue),
		EnforcePrivateUsers:          c.Users.EnforcePrivate,
		ConvertUsernameToLowercase:   c.Users.UsernameToLowercase,
		ConvertEmailToLowercase:      c.Users.EmailToLowercase,
		SessionLength:                c.Users.SessionLength,
		ExpireInactiveSessions:       c.Users.ExpireInactiveSessions,
		RevokeSessionOnPasswordReset: c.Users.RevokeSessionOnPasswordReset,
		Password: account.PasswordPolicy{
			Pattern: c.Users.Password.Pattern, Error: c.Users.Password.Error, NoUsername: c.Users.Password.NoUsername,
			MaxAge: c.Users.Password.MaxAge, History: c.Users.Password.History,
		},
		Lockout: account.Lockout(c.Users.Lockout),
	})
}
