package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// hasGateway reports whether the gateway's routes have been generated.
func hasGateway(l *layout) bool {
	return exists(l.source("deploy/nginx/templates/routes.gen.conf.template"))()
}

// docs is the folder that the gateway serves at /docs/. It is among the tools:
// most of it is fetched.
func (l *layout) docs() string { return l.path("tools", "docs") }

// makeDocs fetches the API documentation's viewer once and copies the contracts.
func (l *layout) makeDocs() error {
	if !hasGateway(l) {
		return nil
	}
	return l.runLogged("docs", exec.Command("sh", l.source("deploy/nginx/docs/build.sh"), l.docs()))
}

// gatewayEnv are the gateway's settings; deploy/nginx/gateway.env has the others.
func (in instance) gatewayEnv(l *layout, corsOrigins string) []envVar {
	vars := []envVar{
		{"GATEWAY_HTTP", addr(in.port(portGatewayHTTP))},
		{"GATEWAY_HTTPS", addr(in.port(portGatewayHTTPS))},
		{"TLS_CERTIFICATE", l.path("tls", "gateway.pem")},
		{"TLS_CERTIFICATE_KEY", l.path("tls", "gateway.key")},
		{"CORS_ORIGINS", corsOrigins},
		{"GATEWAY_WORKERS", "2"},
		{"DOCS_DIR", l.docs()},
		{"GATEWAY_USER", l.userName},
	}
	for _, service := range sortedServices() {
		name := strings.ToUpper(strings.ReplaceAll(service, "-", "_")) + "_UPSTREAM"
		vars = append(vars, envVar{name, addr(in.port(servicePorts[service]))})
	}
	if in.name == "dev" {
		vars = append(vars, envVar{"HOME_DIR", l.path("gateway", "home")})
	}
	if in.name == "test" {
		// System tests are one client with the traffic of thousands.
		for _, class := range []string{"LOGIN", "WRITE", "READ", "SEARCH", "PUBLIC"} {
			vars = append(vars, envVar{"RATE_" + class, "5000r/s"}, envVar{"BURST_" + class, "5000"})
		}
		vars = append(vars, envVar{"CONNECTIONS_PER_CLIENT", "2000"}, envVar{"GATEWAY_TRACE_FLAGS", "00"})
	}
	return vars
}

// gateway renders NGINX's configuration into gateway/<instance>, which is also
// the prefix that NGINX resolves its relative paths against.
func (in instance) gateway(l *layout) (program, error) {
	for _, name := range []string{"index.html", "home.css", "home.js"} {
		if _, err := l.copy("deploy/nginx/home/"+name, "gateway", "home", name); err != nil {
			return program{}, err
		}
	}
	dir, err := l.mkdir(0o755, "gateway", in.name)
	if err != nil {
		return program{}, err
	}
	if _, err := l.mkdir(0o755, "gateway", in.name, "tmp"); err != nil {
		return program{}, err
	}
	env, err := readEnv(l.path("env", in.name+".gateway.env"))
	if err != nil {
		return program{}, err
	}
	cmd := exec.Command("sh", l.source("deploy/nginx/render.sh"), dir)
	cmd.Env = os.Environ()
	for _, v := range env {
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
	}
	if err := l.runLogged("gateway-render", cmd); err != nil {
		return program{}, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil {
		return program{}, err
	}
	return program{
		name: in.prefix + "gateway", title: in.title("gateway"), order: 600, stop: "QUIT",
		// NGINX opens /dev/stdout by name, which is supervisord's pipe: only its
		// owner may. The workers run as GATEWAY_USER.
		asRoot: true,
		argv:   []string{"nginx", "-p", dir + "/", "-c", "nginx.conf", "-e", "stderr"},
		watch:  append(files, l.path("tls", "gateway.pem")),
		ports:  []int{in.port(portGatewayHTTP), in.port(portGatewayHTTPS)},
		ready: func(ctx context.Context) error {
			return l.getTLS(ctx, fmt.Sprintf("https://localhost:%d/healthz", in.port(portGatewayHTTPS)))
		},
	}, nil
}
