#!/usr/bin/env bash
# Starts Apache on httpd.conf, as whoever calls it, with all that it writes in a directory that goes when it ends.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin:/sbin

export ISSUER=${ISSUER:-http://localhost:3000} AUDIENCE=${AUDIENCE:-https://orders.example.com}
export PORT=${PORT:-8080} TLS_PORT=${TLS_PORT:-8443} MODULES=${MODULES:-/usr/lib/apache2/modules}
STATE=$(mktemp -d)
export STATE
apache=
stop() {
  local status=$?
  if [[ -n $apache ]]; then
    kill -TERM "$apache" 2>/dev/null || true
    wait "$apache" || true
  fi
  if ((status != 0)); then cat "$STATE"/*.log >&2 2>/dev/null || true; fi
  rm -rf "$STATE"
}
trap stop EXIT
trap 'exit 0' INT TERM

# Of all that is here, the workers, who are somebody else if root starts Apache, read the site and the certificate of the authority.
chmod 711 "$STATE"
install -d -m 755 "$STATE/site"
install -m 644 "$here/orders.shtml" "$STATE/site/orders.shtml"

# An authority for this run, and a certificate of it for localhost.
(
  cd "$STATE"
  umask 077
  exec 2>openssl.log
  new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  openssl req -x509 "${new_key[@]}" -keyout ca.key -out ca.pem -days 30 -subj '/CN=Example authority'
  openssl req "${new_key[@]}" -keyout tls.key -out tls.csr -subj '/CN=localhost'
  openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out tls.pem \
    -extfile <(echo 'subjectAltName=DNS:localhost')
  rm ca.key openssl.log
  chmod 644 ca.pem
)

arguments=(-f "$here/httpd.conf" -D FOREGROUND)
if ((EUID == 0)); then arguments+=(-D AS_ROOT); fi
apache2 "${arguments[@]}" &
apache=$!
until [[ -s $STATE/httpd.pid ]] && curl -s -o /dev/null "http://127.0.0.1:$PORT/"; do
  kill -0 "$apache" 2>/dev/null || exit 1
  sleep 0.1
done
echo "listening on http://localhost:$PORT"
wait "$apache"
