package main

// cacheCases are answers from the response cache, which the first request fills.
// HAProxy's cache is in memory, and takes no answer larger than a buffer.
func cacheCases() []benchCase {
	conf := map[language]string{
		nginxLanguage: proxyConf("sendfile on; proxy_cache_path DIR/cache levels=1:2 keys_zone=z:10m inactive=1h;",
			"proxy_pass http://BACKEND; proxy_cache z; proxy_cache_valid 1h;"),
	}
	small := benchCase{name: "cache-small", what: "small answer from the response cache", goal: 1.5, byName: true, path: "/", body: smallPage,
		behind: clientsBackend, conf: conf}
	large := small
	large.name, large.what, large.goal, large.goalCPU = "cache-1m", "1 MB from the response cache", 1, true
	large.path, large.body = "/1m", fileOf(1<<20)
	middle := small
	middle.name, middle.what, middle.goal = "cache-10k", "10 KB from the response cache", 0
	middle.path, middle.body = "/10k", fileOf(10<<10)
	return []benchCase{small, middle, large}
}
