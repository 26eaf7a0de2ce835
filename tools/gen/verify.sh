#!/bin/sh
# Fails when a generated file is not what its source makes: generates into a copy and compares.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# What generators read and write; tracked or new, without what git ignores.
(cd "$root" && git ls-files -z --cached --others --exclude-standard -- api deploy docs migrations pkg services .env.example) |
    (cd "$root" && xargs -0 sh -c 'for f; do [ ! -f "$f" ] || printf "%s\0" "$f"; done' sh) |
    tar -C "$root" --null -T - -cf - | tar -C "$copy" -xf -
cp -R "$copy" "$copy.before"
trap 'rm -rf "$copy" "$copy.before"' EXIT
sh "$root/tools/gen/generate.sh" "$copy"
if ! changed=$(diff -qrN "$copy.before" "$copy"); then
    echo "generated files are not up to date:" >&2
    echo "$changed" | sed "s|^Files $copy.before/\(.*\) and .*|  \1|" >&2
    echo "run make generate and commit the result" >&2
    exit 1
fi
