"""Gets a token, keeps it until shortly before its end, and calls the API with it."""

import base64
import json
import os
import time
import urllib.parse
import urllib.request

API_URL = os.environ.get("API_URL", "http://localhost:8080")
AUDIENCE = os.environ.get("AUDIENCE", "https://orders.example.com")


class Tokens:
    def __init__(self):
        self.token, self.renew_at = None, 0.0

    def get(self):
        if time.monotonic() >= self.renew_at:
            asked = time.monotonic()
            answer = self.request()
            self.token, self.renew_at = answer["access_token"], asked + answer["expires_in"] * 0.8
        return self.token

    @staticmethod
    def request():
        quote = urllib.parse.quote_plus
        pair = f"{quote(os.environ['SERVICE_CLIENT_ID'])}:{quote(os.environ['SERVICE_CLIENT_SECRET'])}"
        form = {"grant_type": "client_credentials", "resource": AUDIENCE, "scope": "read:profile"}
        request = urllib.request.Request(
            os.environ["SERVICE_TOKEN_URL"],
            data=urllib.parse.urlencode(form).encode(),
            headers={"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()},
        )
        with urllib.request.urlopen(request, timeout=5) as response:
            return json.load(response)


tokens = Tokens()
request = urllib.request.Request(f"{API_URL}/orders", headers={"Authorization": f"Bearer {tokens.get()}"})
with urllib.request.urlopen(request, timeout=10) as response:
    print(response.status, response.read().decode())
