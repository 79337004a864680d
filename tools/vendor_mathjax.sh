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
mkdir -p "$target/a11y" "$target/input/tex" "$target/output/chtml/fonts" "$target/ui"
cd "$scratch/package"
cp LICENSE "$target/"
# Single components: together they are two thirds of tex-chtml.js, which has a menu and a speech engine.
for component in startup core input/tex output/chtml output/chtml/fonts/tex a11y/assistive-mml ui/lazy; do
    cp "es5/$component.js" "$target/$component.js"
done
cp -R es5/output/chtml/fonts/woff-v2 "$target/output/chtml/fonts/"
# Loaded on demand, by \boldsymbol, \cancel and \color among others.
cp -R es5/input/tex/extensions "$target/input/tex/"
printf 'MathJax %s (npm mathjax@%s, Apache-2.0), cut down by tools/vendor_mathjax.sh\n' \
    "$version" "$version" >"$target/VERSION"
