#!/bin/sh
# Checks this evidence package with openssl, xxd and base64 (see README.txt). Exit status 0 only if everything holds.
set -eu
cd "$(dirname "$0")"
hash() { openssl dgst -sha256 -r | cut -c1-64; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

head -n 3 checkpoint > "$work/text"
# The signature line: a dash, the key's name, base64 of 4 bytes key id and the DER signature.
sed -n '5p' checkpoint | cut -d' ' -f3 | base64 -d | tail -c +5 > "$work/signature"
openssl dgst -sha256 -verify key.pem -signature "$work/signature" "$work/text" > /dev/null
echo "checkpoint: signature holds"
root=$(sed -n '3p' checkpoint | base64 -d | xxd -p | tr -d '\n')
size=$(sed -n '2p' checkpoint)

# RFC 9162, 2.1.3.2.
h=$( { printf '\000'; cat record.json; } | hash)
read -r number tree < path.txt
[ "$tree" = "$size" ] || { echo "path.txt is for another tree" >&2; exit 1; }
n=$number
last=$((tree - 1))
for sibling in $(tail -n +2 path.txt); do
    [ "$last" -gt 0 ] || { echo "path.txt is too long" >&2; exit 1; }
    if [ $((n % 2)) -eq 1 ] || [ "$n" -eq "$last" ]; then
        h=$(printf '01%s%s' "$sibling" "$h" | xxd -r -p | hash)
        while [ $((n % 2)) -eq 0 ] && [ "$n" -ne 0 ]; do
            n=$((n / 2)); last=$((last / 2))
        done
    else
        h=$(printf '01%s%s' "$h" "$sibling" | xxd -r -p | hash)
    fi
    n=$((n / 2)); last=$((last / 2))
done
[ "$last" -eq 0 ] && [ "$h" = "$root" ] || { echo "record $number is not in the tree" >&2; exit 1; }
echo "record $number: in the tree of $tree records"

file=${1:-document}
if [ -e "$file" ]; then
    digest=$(hash < "$file")
    case $(cat record.json) in
        *"\"document_sha256\":\"$digest\""*) echo "document: SHA-256 is the deposited one" ;;
        *) echo "document: another file was deposited" >&2; exit 1 ;;
    esac
else
    echo "document: not here; give it as argument"
fi
