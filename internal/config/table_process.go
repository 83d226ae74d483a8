package config

func processSection() Section {
	return Section{
		Title: "Process and log",
		Options: []Option{
			{Path: "dataDir", Default: "loam-data", Status: Own, Process: true,
				Doc:  "Where generated keys and embedded stores are kept. It is made, for its owner only, where it is not there.",
				read: readDirectory, field: func(p *Process, _ *App) any { return &p.DataDir }},
			{Path: "drainTimeout", Kind: Duration, Default: "25s", Status: Own, Process: true,
				Doc:   "How long running requests may take after the signal to stop, before they are cut off.",
				field: func(p *Process, _ *App) any { return &p.DrainTimeout }},
			{Path: "logLevel", Default: "info", Process: true,
				Doc:  "The least level that is logged: `error`, `warn`, `info`, `verbose`, `debug` or `silly`. `verbose` and `debug` are one level here.",
				read: readLogLevel, field: func(p *Process, _ *App) any { return &p.Log.Level }},
			{Path: "verbose", Env: "VERBOSE", Kind: Bool, Process: true,
				Doc: "Short for the log level `verbose`; it goes before `logLevel`."},
			{Path: "silent", Env: "SILENT", Kind: Bool, Process: true,
				Doc:   "Whether nothing is logged at all.",
				field: func(p *Process, _ *App) any { return &p.Log.Silent }},
			{Path: "jsonLogs", Env: "JSON_LOGS", Kind: Bool, Process: true,
				Doc:   "Whether log lines are JSON objects.",
				field: func(p *Process, _ *App) any { return &p.Log.JSON }},
			{Path: "logLevels", Kind: Group, Status: Pending, Doc: "Levels at which certain events are logged."},
			{Path: "logLevels.cloudFunctionSuccess", Default: "info", Status: Pending, Doc: "A cloud function that answered."},
			{Path: "logLevels.cloudFunctionError", Default: "error", Status: Pending, Doc: "A cloud function that failed."},
			{Path: "logLevels.triggerAfter", Default: "info", Status: Pending, Doc: "A hook that runs afterwards."},
			{Path: "logLevels.triggerBeforeSuccess", Default: "info", Status: Pending, Doc: "A hook that runs before, and agreed."},
			{Path: "logLevels.triggerBeforeError", Default: "error", Status: Pending, Doc: "A hook that runs before, and refused."},
			{Path: "logLevels.signupUsernameTaken", Default: "info", Status: Pending, Doc: "A sign-up with a username that is taken."},
			{Path: "logsFolder", Default: "./logs", Status: Inert, Process: true,
				Doc: "Loam logs to standard error; who runs it keeps, turns and ships the log."},
			{Path: "maxLogFiles", Kind: Any, Status: Inert, Process: true, Doc: "See `logsFolder`."},
		},
	}
}

func operationsSection() Section {
	return Section{
		Title: "Security checks",
		Options: []Option{
			{Path: "security", Kind: Group, Status: Pending, Doc: "The report on weak settings."},
			{Path: "security.enableCheck", Kind: Bool, Default: "false", Status: Pending, Doc: "Whether there is a report."},
			{Path: "security.enableCheckLog", Kind: Bool, Default: "false", Status: Pending, Doc: "Whether it is logged at the start."},
			{Path: "security.checkGroups", Kind: Items, Status: Inert, Doc: "Checks written in JavaScript."},
		},
	}
}

// nodeSection holds what belongs to Node.js or Express.
func nodeSection() Section {
	return Section{
		Title: "Node.js",
		Intro: "These belong to Parse Server's runtime. Loam accepts them, so that a configuration moves as it is, and does nothing with them.",
		Options: []Option{
			{Path: "cluster", Kind: Any, Status: Inert, Process: true, Doc: "Processes to start. One Loam process uses all cores."},
			{Path: "middleware", Kind: Any, Status: Inert, Doc: "A module that changes requests."},
			{Path: "requestContextMiddleware", Kind: Any, Status: Inert, Doc: "A function that adds to a request's context."},
			{Path: "serverCloseComplete", Kind: Any, Status: Inert, Doc: "A function called after the end."},
			{Path: "enableExpressErrorHandler", Kind: Bool, Default: "false", Status: Inert, Doc: "Whether errors go on to Express."},
			{Path: "verifyServerUrl", Kind: Bool, Default: "true", Status: Inert, Doc: "Whether the server calls its own URL at the start."},
			{Path: "directAccess", Kind: Bool, Default: "true", Status: Inert, Doc: "Whether cloud code calls the server without HTTP. Loam always does it so."},
			{Path: "databaseAdapter", Kind: Any, Status: Inert, Doc: "A JavaScript module; see `databaseURI`."},
			{Path: "cacheAdapter", Kind: Any, Status: Inert, Doc: "A JavaScript module. Loam's caches are part of it."},
			{Path: "loggerAdapter", Kind: Any, Status: Inert, Doc: "A JavaScript module."},
			{Path: "analyticsAdapter", Kind: Any, Status: Inert, Doc: "A JavaScript module."},
			{Path: "enableProductPurchaseLegacyApi", Kind: Bool, Default: "true", Status: Inert, Doc: "Whether receipts of App Store purchases are checked, as parse.com did."},
		},
	}
}
