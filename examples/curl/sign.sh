#!/usr/bin/env bash
# Signs a PDF through the HTTPS API with curl and jq.   sign.sh CLIENT.ENV CONTRACT.PDF
set -euo pipefail
# shellcheck disable=SC1090
. "${1:?client.env}"
contract=${2:?contract.pdf}
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
token=''

# Answers carry a new token in the last third of the old one's life: take it whenever it comes.
ask() { # curl arguments -> .data of the answer
    local answer renewed
    answer=$(curl -sS --max-time 60 --cacert "$HUFU_CA" --cert "$HUFU_CLIENT_CERT" --key "$HUFU_CLIENT_KEY" \
        -H "token: $token" -D "$headers" "$@")
    renewed=$(tr -d '\r' <"$headers" | sed -n 's/^token: //ip')
    [ -n "$renewed" ] && printf '%s' "$renewed" >"$headers.token"
    jq -e 'if .code == 200 or .success == true then .data else error("refused: \(.)") end // {}' <<<"$answer"
}
post() { ask -H 'Content-Type: application/json;charset=UTF-8' --data "$2" "$HUFU_URL$1"; }
trap 'rm -f "$headers" "$headers.token"' EXIT

post /auth/login "$(jq -n --arg id "$HUFU_APP_ID" --arg key "$HUFU_APP_KEY" '{appId: $id, appKey: $key}')" >/dev/null
token=$(cat "$headers.token")

number="11010119$(od -An -N4 -tu4 /dev/urandom | awk '{printf "%010d", $1}')"
signer=$(post /user/person "$(jq -n --arg n "$number" \
    '{userName: "王五", identityRegion: "0", certifyType: "a", certifyNum: $n, phoneNo: "13000000000"}')" | jq .signerId)
seal=$(post /moulage/person "$(jq -n --arg s "$signer" '{signerId: $s, borderType: "B1", color: "C1"}')" | jq .moulageId)
echo "signer $signer, seal $seal"

signed=$HUFU_DOCUMENTS/curl-signed.pdf
summary=$(ask -F "signerId=$signer" -F "moulageId=$seal" -F "contractPath=@$contract;type=application/pdf" \
    -F "contractSavePath=$signed" -F signPositionType=1 -F positionContent=1,100,100 "$HUFU_URL/sign/fileStream" | jq .summaryId)
stamped=$HUFU_DOCUMENTS/curl-stamped.pdf
stamp=$(post /tsa/pathSign "$(jq -n --arg f "$signed" --arg t "$stamped" '{filePath: $f, fileSavePath: $t}')" | jq .timeStampSignId)
echo "summaryId $summary, timeStampSignId $stamp"

ask -F contractType=0 -F "contractFile=@$stamped" "$HUFU_URL/v2/auth/validateContract" |
    jq -r '.contractSignatures[] | "\(.signName) signed at \(.signDateFormat), unchanged: \(.validModify)"'
