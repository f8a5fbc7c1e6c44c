#!/usr/bin/env bash
# Gets a token, and calls the API with it. Neither the secret nor the token is on a command line, where others would see it.
set -euo pipefail

api=${API_URL:-http://localhost:8080}
answer=$(
  printf %s "$SERVICE_CLIENT_SECRET" | curl -sS --fail-with-body --max-time 5 "$SERVICE_TOKEN_URL" \
    --data-urlencode grant_type=client_credentials \
    --data-urlencode "resource=${AUDIENCE:-https://orders.example.com}" \
    --data-urlencode scope=read:profile \
    --data-urlencode "client_id=$SERVICE_CLIENT_ID" \
    --data-urlencode client_secret@-
)
token=$(sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' <<<"$answer")

body_and_status=$(
  curl -sS --max-time 10 --write-out '\n%{http_code}' -H @- "$api/orders" <<<"Authorization: Bearer $token"
)
echo "${body_and_status##*$'\n'} ${body_and_status%$'\n'*}"
