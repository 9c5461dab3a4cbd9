#!/bin/sh
# Checks this evidence package with openssl, xxd and base64 (see README.txt). Exit status 0 only if everything holds.
#
#   sh verify.sh [FILE [ROOTS]]    FILE: the deposited file; ROOTS: PEM file of the roots that report.pdf's signer must chain to
set -eu
start=$(pwd)
cd "$(dirname "$0")"
hash() { openssl dgst -sha256 -r | cut -c1-64; }
fail() { echo "NOT SOUND: $*" >&2; exit 1; }
absolute() { case $1 in /*) echo "$1" ;; *) echo "$start/$1" ;; esac; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# checkpoint NOTE: the signature of the C2SP signed note; sets root and size.
checkpoint() {
    head -n 3 "$1" > "$work/text"
    # The signature line: a dash, the key's name, base64 of 4 bytes key id and the DER signature.
    sed -n '5p' "$1" | cut -d' ' -f3 | base64 -d | tail -c +5 > "$work/signature"
    openssl dgst -sha256 -verify key.pem -signature "$work/signature" "$work/text" > /dev/null ||
        fail "$1: the signature does not hold"
    root=$(sed -n '3p' "$1" | base64 -d | xxd -p | tr -d '\n')
    size=$(sed -n '2p' "$1")
}

# included RECORD PATH: the record leads along the path to root (RFC 9162, 2.1.3.2).
included() {
    h=$( { printf '\000'; cat "$1"; } | hash)
    read -r number tree < "$2"
    [ "$tree" = "$size" ] || fail "$2 is for another tree"
    n=$number
    last=$((tree - 1))
    for sibling in $(tail -n +2 "$2"); do
        [ "$last" -gt 0 ] || fail "$2 is too long"
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
    [ "$last" -eq 0 ] && [ "$h" = "$root" ] || fail "record $number is not in the tree"
    echo "record $number: in the tree of $tree records"
}

checkpoint checkpoint
echo "checkpoint: signature holds"
included record.json path.txt
for record in related/*.json; do
    [ -e "$record" ] || continue
    own=${record%.json}.checkpoint
    if [ -e "$own" ]; then checkpoint "$own"; else checkpoint checkpoint; fi
    included "$record" "${record%.json}.txt"
done

file=document
[ -z "${1:-}" ] || file=$(absolute "$1")
if [ -e "$file" ]; then
    digest=$(hash < "$file")
    case $(cat record.json) in
        *"\"document_sha256\":\"$digest\""*) echo "document: SHA-256 is the deposited one" ;;
        *) fail "document: another file was deposited" ;;
    esac
else
    echo "document: not here; give it as argument"
fi

# The signed bytes of report.pdf (ISO 32000-2, 12.8.1) and the CMS in the hole between them.
range=$(grep -a -o '/ByteRange *\[[0-9 ]*\]' report.pdf | tail -n 1 | tr -c '0-9\n' ' ' |
    sed 's/ 0*\([0-9]\)/ \1/g')
# shellcheck disable=SC2086
set -- $range "${2:+$(absolute "$2")}"
[ $# -eq 5 ] && [ "$1" -eq 0 ] && [ $(($3 + $4)) -eq "$(wc -c < report.pdf)" ] ||
    fail "report.pdf: not signed, or something follows its signature"
{ head -c "$2" report.pdf; tail -c +$(($3 + 1)) report.pdf; } > "$work/signed"
tail -c +$(($2 + 2)) report.pdf | head -c $(($3 - $2 - 2)) | xxd -r -p > "$work/cms"
if [ -n "$5" ]; then trust="-CAfile $5 -purpose any"; said="holds, trusted"; else trust=-noverify; said="holds; whose it is was not asked"; fi
# shellcheck disable=SC2086
openssl cms -verify -binary -inform DER -in "$work/cms" -content "$work/signed" $trust -out /dev/null 2> "$work/why" ||
    fail "report.pdf: $(cat "$work/why")"
echo "report.pdf: signature $said"
