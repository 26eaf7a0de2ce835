#!/bin/sh
# Renders the gateway's configuration into a folder:
#
#   deploy/nginx/render.sh OUT && nginx -p OUT -c nginx.conf
#
# Settings and their defaults are in gateway.env; the environment overrides them. Needs only a POSIX shell
# and awk, so the same script serves a machine, a container image and a cluster.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: render.sh OUT}
mkdir -p "$out/tmp"

for template in "$here"/templates/*.template; do
    name=$(basename "$template" .template)
    awk -v template="$name" '
        function fail(text) { print "render.sh: " text > "/dev/stderr"; failed = 1; exit 1 }
        function each(list, before, after,    n, i, parts, lines) {
            n = split(list, parts, /[ ,]+/)
            lines = ""
            for (i = 1; i <= n; i++)
                if (parts[i] != "") lines = lines before parts[i] after "\n"
            return lines
        }
        # The defaults.
        FNR == NR {
            if ($0 ~ /^[A-Z]/) {
                at = index($0, "=")
                key = substr($0, 1, at - 1)
                value[key] = (key in ENVIRON) ? ENVIRON[key] : substr($0, at + 1)
                if (value[key] ~ /[;{}"\n$]/) fail(key ": must not contain any of ; { } \" $ or a line break")
            }
            next
        }
        # What follows from them.
        FNR == 1 {
            if (value["GATEWAY_HTTP"] value["GATEWAY_HTTPS"] == "")
                fail("GATEWAY_HTTP and GATEWAY_HTTPS are both empty; set one to an address such as 127.0.0.1:8443")
            value["GATEWAY_USER_DIRECTIVE"] = value["GATEWAY_USER"] == "" ? "" : "user " value["GATEWAY_USER"] ";"
            listen = value["GATEWAY_HTTP"] == "" ? "" : "listen " value["GATEWAY_HTTP"] ";\n"
            if (value["GATEWAY_HTTPS"] != "")
                listen = listen "listen " value["GATEWAY_HTTPS"] " ssl http2;\n" \
                    "ssl_certificate " value["TLS_CERTIFICATE"] ";\n" \
                    "ssl_certificate_key " value["TLS_CERTIFICATE_KEY"] ";\n" \
                    "ssl_protocols TLSv1.3;\n" \
                    "ssl_session_cache shared:tls:8m;\nssl_session_timeout 1h;\nssl_session_tickets off;\n" \
                    "ssl_early_data off;\n"
            value["GATEWAY_LISTEN"] = listen
            value["GATEWAY_HOME"] = value["HOME_DIR"] == "" ? "" : \
                "location = / {\n    set $jp_route \"/home/\";\n    root " value["HOME_DIR"] ";\n    try_files /index.html =404;\n}\n" \
                "location ^~ /home/ {\n    set $jp_route \"/home/\";\n    alias " value["HOME_DIR"] "/;\n}\n"
            value["GATEWAY_TRUSTED"] = each(value["GATEWAY_TRUSTED_PROXIES"], "", " 1;")
            value["GATEWAY_REAL_IP"] = value["GATEWAY_TRUSTED_PROXIES"] == "" ? "" : \
                each(value["GATEWAY_TRUSTED_PROXIES"], "set_real_ip_from ", ";") \
                "real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n"
            resolver = value["GATEWAY_RESOLVER"]
            value["GATEWAY_RESOLVER_DIRECTIVE"] = resolver == "" ? "" : "resolver " resolver " valid=10s;"
            value["GATEWAY_UPSTREAM_OPTIONS"] = resolver == "" ? "" : "resolve"
        }
        {
            line = ""
            rest = $0
            while (match(rest, /\$\{[A-Z_]+\}/)) {
                key = substr(rest, RSTART + 2, RLENGTH - 3)
                if (!(key in value)) fail(template ": " key " is not in gateway.env")
                line = line substr(rest, 1, RSTART - 1) value[key]
                rest = substr(rest, RSTART + RLENGTH)
            }
            print line rest
        }
        END { if (failed) exit 1 }
    ' "$here/gateway.env" "$template" >"$out/$name"
done
