package provider

// newGooglePlayGames makes the provider "gpgames": options and authData are those
// of [exchanger]. The id is that of the player whose token it is, which Google
// knows without being told.
func newGooglePlayGames(_ string, o *Options, env Env) Provider {
	return newExchanger(service{
		label:    "gpgames",
		tokenURL: "https://oauth2.googleapis.com/token",
		identify: idAt("https://www.googleapis.com/games/v1/players/me", "playerId"),
	}, o, env)
}
