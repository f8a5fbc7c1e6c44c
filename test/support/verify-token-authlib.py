"""A resource server in Python: verifies access tokens with Authlib and the JWKS of their issuer.

Arguments: JWKS URL, issuer, audience, algorithm. Standard input: one token per line. Standard output: one JSON object per
line, {"claims": {...}} or {"error": "<name of the exception>"}.
"""

import json
import sys
import urllib.request

from authlib.jose import JsonWebKey, JsonWebToken
from authlib.jose.errors import JoseError

jwks_url, issuer, audience, algorithm = sys.argv[1:]
with urllib.request.urlopen(jwks_url, timeout=10) as response:
    keys = JsonWebKey.import_key_set(json.load(response))
jwt = JsonWebToken([algorithm])
required = {name: {"essential": True} for name in ("exp", "iat", "sub", "client_id", "jti")}
expected = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": audience}}


def verify(token):
    try:
        claims = jwt.decode(token, keys, claims_options={**required, **expected})
        claims.validate()
        return {"claims": claims}
    # Authlib's word for an unknown kid is ValueError.
    except (JoseError, ValueError) as error:
        return {"error": type(error).__name__}


for line in sys.stdin:
    print(json.dumps(verify(line.rstrip("\n"))))
