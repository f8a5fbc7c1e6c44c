"""An API on FastAPI: GET /orders for tokens with the scope read:profile."""

import os

import jwt
import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response

ISSUER = os.environ.get("ISSUER", "http://localhost:3000")
AUDIENCE = os.environ.get("AUDIENCE", "https://orders.example.com")

# Keys are kept for five minutes, as the server says; an unknown one is looked up anew.
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", cache_jwk_set=True, lifespan=300)
app = FastAPI()


class Refused(Exception):
    """RFC 6750 section 3."""

    def __init__(self, status, challenge):
        self.status = status
        self.challenge = challenge


@app.exception_handler(Refused)
async def refuse(_, refused):
    headers = {"WWW-Authenticate": refused.challenge, "Cache-Control": "no-store"}
    return JSONResponse({"title": "refused", "status": refused.status}, refused.status, headers)


def covers(held, asked):
    return held == asked or (held.endswith(":*") and asked.startswith(held[:-1]))


def require(scope):
    """The claims of a good token that holds `scope` (RFC 9068 section 4)."""

    def claims_of(request: Request):
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            raise Refused(401, "Bearer")
        try:
            if scheme.lower() != "bearer" or jwt.get_unverified_header(token).get("typ") != "at+jwt":
                raise jwt.InvalidTokenError()
            claims = jwt.decode(
                token,
                keys.get_signing_key_from_jwt(token).key,
                algorithms=["RS256"],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=10,
                options={"require": ["exp", "iat", "jti", "sub", "client_id"]},
            )
        except (jwt.InvalidTokenError, jwt.PyJWKClientError) as error:
            raise Refused(401, 'Bearer error="invalid_token"') from error
        # A token that is bound to a key is no bearer token.
        if "cnf" in claims:
            raise Refused(401, 'Bearer error="invalid_token"')
        if not any(covers(held, scope) for held in claims.get("scope", "").split(" ")):
            raise Refused(403, f'Bearer error="insufficient_scope", scope="{scope}"')
        return claims

    return claims_of


@app.get("/orders")
def orders(claims=Depends(require("read:profile"))):
    return {"orders": ["order-1"], "for": claims["client_id"]}


@app.delete("/orders")
def remove(claims=Depends(require("manage:orders"))):
    return Response(status_code=204)


if __name__ == "__main__":
    port = int(os.environ.get("PORT", "8080"))
    print(f"listening on http://localhost:{port}", flush=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
