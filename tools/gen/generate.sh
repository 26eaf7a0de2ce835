#!/bin/sh
# Makes everything that follows from the contracts, the event catalogue and the SQL, in the repository or
# in the copy of it named as the first argument. See tools/gen/main.go.
set -eu
tools=$(cd "$(dirname "$0")" && pwd)
root=$(cd "${1:-$tools/../..}" && pwd)

# The generators are outside the workspace, so that what they need never joins a service's version
# selection. They are built into Go's cache; the first build takes a minute or two.
export GOWORK=off CGO_ENABLED=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go -C "$tools" build -o "$work/gen" .
oapi_codegen=$(go -C "$tools" tool -n oapi-codegen)
sqlc=$(go -C "$tools" tool -n sqlc)

"$work/gen" -root "$root" lint bundle access gateway events reference config schema
"$work/gen" -root "$root" -out "$work" codegen

for service in "$root"/services/*/; do
    name=$(basename "$service")
    # Output paths in oapi.yaml and sqlc.yaml are relative to the folder that holds the file.
    if [ -f "$service/internal/api/oapi.yaml" ]; then
        (cd "$service/internal/api" && "$oapi_codegen" -config oapi.yaml "$work/$name.yaml")
    fi
    for config in "$service"internal/clients/*/oapi.yaml; do
        [ -f "$config" ] || continue
        callee=$(basename "$(dirname "$config")")
        (cd "$(dirname "$config")" && "$oapi_codegen" -config oapi.yaml "$work/$callee.yaml")
    done
    if [ -f "$service/internal/db/sqlc.yaml" ]; then
        (cd "$service/internal/db" && "$sqlc" generate)
    fi
done
