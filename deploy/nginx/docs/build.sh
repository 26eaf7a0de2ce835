#!/bin/sh
# Makes the folder that the gateway serves at /docs/ (DOCS_DIR): Swagger UI from npm, and the public form of
# every contract. A second run copies only what changed in the repository.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUT}
mkdir -p "$out/openapi"

if ! cmp -s "$here/package-lock.json" "$out/.package-lock.json"; then
    command -v npm >/dev/null || {
        echo "build.sh: npm is not installed; run: apt-get install npm" >&2
        exit 1
    }
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work"
    npm --prefix "$work" ci --silent
    for file in swagger-ui.css swagger-ui-bundle.js swagger-ui-standalone-preset.js favicon-32x32.png LICENSE NOTICE; do
        cp "$work/node_modules/swagger-ui-dist/$file" "$out"
    done
    cp "$here/package-lock.json" "$out/.package-lock.json"
fi
cp "$here/index.html" "$here/reference.js" "$out"
rm -f "$out"/openapi/*
cp "$here"/openapi/* "$out/openapi"
