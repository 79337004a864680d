#!/bin/sh
# Vendor the part of MathJax that the book loads, so that neither a reader nor a build needs the network.
# Only for raising the version: the result, book/_vendor/mathjax, is committed.
# Usage: tools/vendor_mathjax.sh    (needs npm)
set -eu

version=3.2.2
target=$(cd "$(dirname "$0")/.." && pwd)/book/_vendor/mathjax
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

(cd "$scratch" && npm pack --silent "mathjax@$version" >/dev/null && tar -xzf "mathjax-$version.tgz")

rm -rf "$target"
mkdir -p "$target/output/chtml/fonts" "$target/input/tex"
cd "$scratch/package"
cp LICENSE "$target/"
cp es5/tex-mml-chtml.js "$target/"
cp -R es5/output/chtml/fonts/woff-v2 "$target/output/chtml/fonts/"
# Loaded on demand, by \boldsymbol, \cancel and \color among others.
cp -R es5/input/tex/extensions "$target/input/tex/"
printf 'MathJax %s (npm mathjax@%s, Apache-2.0), cut down by tools/vendor_mathjax.sh\n' \
    "$version" "$version" >"$target/VERSION"
