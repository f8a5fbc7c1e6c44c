"""A resource server in Python: verifies access tokens with PyJWT and the JWKS of their issuer.

Arguments: JWKS URL, issuer, audience, algorithm. Standard input: one token per line. Standard output: one JSON object per
line, {"claims": {...}} or {"error": "<name of PyJWT's exception>"}.
"""

import json
import sys

import jwt

jwks_url, issuer, audience, algorithm = sys.argv[1:]
keys = jwt.PyJWKClient(jwks_url)


def verify(token):
    try:
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            audience=audience,
            issuer=issuer,
            options={"require": ["exp", "iat", "sub", "client_id", "jti"]},
        )
        return {"claims": claims}
    except jwt.PyJWTError as error:
        return {"error": type(error).__name__}


for line in sys.stdin:
    print(json.dumps(verify(line.rstrip("\n"))))
