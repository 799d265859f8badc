"""A service on Authlib: prints where to send the browser, reads the redirect that came back, checks the tokens.

usage: authlib-client.py ISSUER CLIENT_ID SECRET REDIRECT_URI
"""
import json
import os
import sys

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt
from authlib.oidc.core import CodeIDToken
from authlib.common.security import generate_token

issuer, client_id, secret, redirect = sys.argv[1:]
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback only

server = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
assert server["issuer"] == issuer, server["issuer"]
verifier, nonce = generate_token(64), generate_token()
service = OAuth2Session(
    client_id, secret, scope="openid email", redirect_uri=redirect,
    code_challenge_method="S256", token_endpoint_auth_method="client_secret_post",
)
url, state = service.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
print(url, flush=True)

back = sys.stdin.readline().strip()
service.state = state
token = service.fetch_token(server["token_endpoint"], authorization_response=back, code_verifier=verifier)
keys = JsonWebKey.import_key_set(requests.get(server["jwks_uri"], timeout=10).json())
claims = jwt.decode(
    token["id_token"], keys, claims_cls=CodeIDToken,
    claims_options={"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
    claims_params={"nonce": nonce, "client_id": client_id, "access_token": token["access_token"]},
)
claims.validate()
info = service.get(server["userinfo_endpoint"]).json()
assert info["sub"] == claims["sub"], (info, claims)
ended = service.revoke_token(server["revocation_endpoint"], token=token["access_token"], token_type_hint="access_token")
assert ended.status_code == 200, ended.text
refused = requests.get(server["userinfo_endpoint"], headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=10)
assert refused.status_code == 401, refused.text
print(json.dumps(info), flush=True)
