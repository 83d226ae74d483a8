package config

func networkSection() Section {
	return Section{
		Title: "Network",
		Intro: "One listener serves all apps of the process.",
		Options: []Option{
			{Path: "host", Default: "0.0.0.0", Process: true,
				Doc:  "The address to listen on. With generated keys the default is `127.0.0.1`.",
				read: readHost, field: func(p *Process, _ *App) any { return &p.Host }},
			{Path: "port", Env: "PORT", Kind: Int, Default: "1337", Process: true,
				Doc:  "The TCP port to listen on; 0 lets the system choose one, which the log tells; set `serverURL` then.",
				read: intBetween(0, 65535), field: func(p *Process, _ *App) any { return &p.Port }},
			{Path: "mountPath", Default: "/parse", Process: true,
				Doc:  "The path below which the REST API is found; `/` is the root.",
				read: readMountPath, field: func(p *Process, _ *App) any { return &p.MountPath }},
			{Path: "serverURL", Env: "PARSE_SERVER_URL",
				Doc:  "The URL of the REST API as this machine reaches it. The default is made of port and mount path.",
				read: readURL, field: func(_ *Process, a *App) any { return &a.ServerURL }},
			{Path: "publicServerURL", Env: "PARSE_PUBLIC_SERVER_URL",
				Doc:  "The URL of the REST API as clients reach it: it stands in what clients are sent, file URLs among it. The default is `serverURL`.",
				read: readURL, field: func(_ *Process, a *App) any { return &a.PublicServerURL }},
			{Path: "trustProxy", Kind: Any, Process: true,
				Doc:  "Whose `X-Forwarded-For` is believed: nobody's (the default), that of a number of proxies in front of Loam, or that of a list of addresses, CIDR ranges and the names `loopback`, `linklocal`, `uniquelocal`. `true` believes everybody and so lets a client choose its address: `masterKeyIps` then protects nothing.",
				read: readProxyTrust, field: func(p *Process, _ *App) any { return &p.TrustProxy }},
			{Path: "allowOrigin", Kind: List, Default: "*", Process: true,
				Doc:  "The origins, as `https://app.example.com`, whose pages may call the API from a browser; `*` is any.",
				read: readOrigins, field: func(p *Process, _ *App) any { return &p.AllowOrigin }},
			{Path: "allowHeaders", Kind: List, Process: true,
				Doc:  "Request headers that browsers may send besides Parse's own.",
				read: readHeaderNames, field: func(p *Process, _ *App) any { return &p.AllowHeaders }},
			{Path: "maxUploadSize", Kind: Size, Default: "20mb", Process: true,
				Doc:  "The largest request body, uploads included.",
				read: readUploadSize, field: func(p *Process, _ *App) any { return &p.MaxUploadSize }},
		},
	}
}
