package config

func filesSection() Section {
	return Section{
		Title: "Files",
		Options: []Option{
			{Path: "filesAdapter", Kind: Any, Secret: true,
				Doc:  "Where files are kept: `file:///directory`, `gridfs:` (in the app's database), or `s3://bucket/prefix?region=…`; or Parse Server's S3 or file-system adapter as `{\"module\": …, \"options\": {…}}`. The default is a directory below the data directory, with a MongoDB it is `gridfs:`. See the guide to files.",
				read: readFilesAdapter, field: func(_ *Process, a *App) any { return &a.Files.Adapter }},
			{Path: "filesFallback", Kind: Any, Secret: true, Status: Own,
				Doc:  "Where files were before, in the form of `filesAdapter`: they are read from there, and move to the new place while Loam serves.",
				read: readFilesAdapter, field: func(_ *Process, a *App) any { return &a.Files.Fallback }},
			{Path: "preserveFileName", Kind: Bool, Default: "false",
				Doc:   "Whether a file keeps its name as it is, without a random part before it: then whoever may upload can write over the files of others.",
				field: func(_ *Process, a *App) any { return &a.Files.PreserveName }},
			{Path: "fileUpload", Env: "PARSE_SERVER_FILE_UPLOAD_OPTIONS", Kind: Group, Doc: "Who may upload, and what."},
			{Path: "fileUpload.enableForPublic", Kind: Bool, Default: "false", Doc: "Everybody.",
				field: func(_ *Process, a *App) any { return &a.Files.Upload.Public }},
			{Path: "fileUpload.enableForAnonymousUser", Kind: Bool, Default: "false", Doc: "Anonymous users.",
				field: func(_ *Process, a *App) any { return &a.Files.Upload.Anonymous }},
			{Path: "fileUpload.enableForAuthenticatedUser", Kind: Bool, Default: "true", Doc: "Signed-in users.",
				field: func(_ *Process, a *App) any { return &a.Files.Upload.Authenticated }},
			{Path: "fileUpload.fileExtensions", Kind: List,
				Doc:  "Regular expressions of the extensions allowed; `^(?!…)` allows all but those, `*` allows all. The default is all but what a browser may run as a page.",
				read: readExtensions, field: func(_ *Process, a *App) any { return &a.Files.Extensions }},
			{Path: "fileUpload.allowedFileUrlDomains", Kind: List, Default: "*",
				Doc:   "Hosts that the URL of a file in an object may name, the server's own among them; `*.example.com` is those below one, `*` any.",
				field: func(_ *Process, a *App) any { return &a.Files.URLDomains }},
			{Path: "fileDownload", Env: "PARSE_SERVER_FILE_DOWNLOAD_OPTIONS", Kind: Group, Doc: "Who may download."},
			{Path: "fileDownload.enableForPublic", Kind: Bool, Default: "true", Doc: "Everybody.",
				field: func(_ *Process, a *App) any { return &a.Files.Download.Public }},
			{Path: "fileDownload.enableForAnonymousUser", Kind: Bool, Default: "true", Doc: "Anonymous users.",
				field: func(_ *Process, a *App) any { return &a.Files.Download.Anonymous }},
			{Path: "fileDownload.enableForAuthenticatedUser", Kind: Bool, Default: "true", Doc: "Signed-in users.",
				field: func(_ *Process, a *App) any { return &a.Files.Download.Authenticated }},
		},
	}
}

func realtimeSection() Section {
	return Section{
		Title: "Cloud code, push and LiveQuery",
		Options: []Option{
			{Path: "cloud", Kind: Any, Status: Pending, Doc: "The cloud code to load."},
			{Path: "push", Kind: Object, Secret: true, Status: Pending, Doc: "Push services by platform, each with its options."},
			{Path: "scheduledPush", Kind: Bool, Default: "false", Status: Pending, Doc: "Whether a push may be sent at a later time."},
			{Path: "installation", Kind: Group, Doc: "What happens when two installations have one device token."},
			{Path: "installation.duplicateDeviceTokenAction", Default: "delete", Doc: "The other one is removed (`delete`) or loses the token (`update`).",
				read: oneOf("delete", "update"), field: func(_ *Process, a *App) any { return &a.Installation.DuplicateDeviceTokenAction }},
			{Path: "installation.duplicateDeviceTokenMergePriority", Default: "deviceToken", Doc: "Which one stays when they are the same device: `deviceToken` or `installationId`.",
				read: oneOf("deviceToken", "installationId"), field: func(_ *Process, a *App) any { return &a.Installation.DuplicateDeviceTokenMergePriority }},
			{Path: "installation.duplicateDeviceTokenActionEnforceAuth", Kind: Bool, Default: "false", Doc: "Whether the caller must be allowed to change the other one.",
				field: func(_ *Process, a *App) any { return &a.Installation.DuplicateDeviceTokenActionEnforceAuth }},
			{Path: "startLiveQueryServer", Kind: Bool, Status: Pending, Doc: "Whether LiveQuery is served."},
			{Path: "liveQuery", Kind: Group, Status: Pending, Doc: "Which changes are published, and how."},
			{Path: "liveQuery.classNames", Env: "PARSE_SERVER_LIVEQUERY_CLASSNAMES", Kind: List, Status: Pending, Doc: "Regular expressions of the classes that can be watched."},
			{Path: "liveQuery.redisURL", Secret: true, Status: Pending, Doc: "The Redis that carries changes between processes."},
			{Path: "liveQuery.redisOptions", Kind: Object, Secret: true, Status: Pending, Doc: "Options of the Redis client."},
			{Path: "liveQuery.regexTimeout", Kind: Int, Default: "100", Status: Inert, Doc: "Milliseconds that a regular expression may take. Go's take time in proportion to the text only."},
			{Path: "liveQuery.pubSubAdapter", Kind: Any, Status: Inert, Doc: "A JavaScript module."},
			{Path: "liveQuery.wssAdapter", Kind: Any, Status: Inert, Doc: "A JavaScript module."},
			{Path: "liveQueryServerOptions", Env: "PARSE_SERVER_LIVE_QUERY_SERVER_OPTIONS", Kind: Group, Status: Pending, Doc: "The LiveQuery server."},
			{Path: "liveQueryServerOptions.appId", Status: Pending, Doc: "Its application id, where it differs."},
			{Path: "liveQueryServerOptions.masterKey", Secret: true, Status: Pending, Doc: "Its master key, where it differs."},
			{Path: "liveQueryServerOptions.keyPairs", Kind: Object, Secret: true, Status: Pending, Doc: "Keys that clients must present, by their name."},
			{Path: "liveQueryServerOptions.cacheTimeout", Kind: Int, Status: Pending, Doc: "Milliseconds that sessions and roles are remembered."},
			{Path: "liveQueryServerOptions.websocketTimeout", Kind: Int, Status: Pending, Doc: "Milliseconds between signs of life."},
			{Path: "liveQueryServerOptions.logLevel", Status: Pending, Doc: "Its log level."},
			{Path: "liveQueryServerOptions.serverURL", Status: Pending, Doc: "The URL of the REST API that it asks."},
			{Path: "liveQueryServerOptions.port", Kind: Int, Default: "1337", Status: Pending, Doc: "Its port, where it runs alone."},
			{Path: "liveQueryServerOptions.redisURL", Secret: true, Status: Pending, Doc: "The Redis that it listens to."},
			{Path: "liveQueryServerOptions.redisOptions", Kind: Object, Secret: true, Status: Pending, Doc: "Options of the Redis client."},
			{Path: "liveQueryServerOptions.pubSubAdapter", Kind: Any, Status: Inert, Doc: "A JavaScript module."},
			{Path: "liveQueryServerOptions.wssAdapter", Kind: Any, Status: Inert, Doc: "A JavaScript module."},
		},
	}
}

func graphQLSection() Section {
	return Section{
		Title: "GraphQL",
		Options: []Option{
			{Path: "mountGraphQL", Kind: Bool, Default: "false", Status: Pending, Doc: "Whether GraphQL is served."},
			{Path: "graphQLPath", Default: "/graphql", Status: Pending, Doc: "Its path, from the root."},
			{Path: "graphQLPublicIntrospection", Kind: Bool, Default: "false", Status: Pending, Doc: "Whether clients may ask for the schema."},
			{Path: "graphQLSchema", Env: "PARSE_SERVER_GRAPH_QLSCHEMA", Status: Pending, Doc: "A file of further types."},
			{Path: "mountPlayground", Kind: Bool, Default: "false", Status: Pending, Doc: "Whether a page to try GraphQL is served."},
			{Path: "playgroundPath", Default: "/playground", Status: Pending, Doc: "The path of that page."},
		},
	}
}
