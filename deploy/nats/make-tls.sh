#!/bin/sh
# Makes an authority of your own in ./tls, and a certificate for each server named: ./make-tls.sh nats-1 nats-2 nats-3
# For a trial. In production the authority's key is not on the servers' machines: use cert-manager, Vault or your own.
set -eu
umask 077
days=${DAYS:-365}
mkdir -p tls
if [ ! -e tls/authority.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$days" -subj "/CN=hub cluster" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout tls/authority.key -out tls/authority.pem 2>/dev/null
fi
for name in "$@"; do
    [ ! -e "tls/$name/server.pem" ] || continue
    mkdir -p "tls/$name"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
        -keyout "tls/$name/server.key" -out "tls/$name/server.csr" 2>/dev/null
    printf 'subjectAltName=DNS:%s,DNS:*.%s,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' "$name" "$name" \
        >"tls/$name/server.ext"
    openssl x509 -req -in "tls/$name/server.csr" -CA tls/authority.pem -CAkey tls/authority.key -CAcreateserial \
        -days "$days" -extfile "tls/$name/server.ext" -out "tls/$name/server.pem" 2>/dev/null
    cp tls/authority.pem "tls/$name/authority.pem"
    rm "tls/$name/server.csr" "tls/$name/server.ext"
done
# The hubs run as another user and read this one.
chmod 755 tls
chmod 644 tls/authority.pem
