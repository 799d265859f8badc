"""A service on Authlib. It prints one JSON object in each line: where to send the browser, whose redirect it reads, and
at the end the claims. Between them it checks the tokens, refreshes, asks what they are worth, and ends them.

usage: authlib-client.py ISSUER CLIENT_ID SECRET_OR_KEY_FILE REDIRECT_URI

With a key file the client authenticates by private_key_jwt (RFC 7523) and pushes its request (RFC 9126).
"""
import json
import os
import sys
from urllib.parse import parse_qsl, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt
from authlib.jose.errors import JoseError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken

issuer, client_id, secret, redirect = sys.argv[1:]
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback only

server = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=60).json()
assert server["issuer"] == issuer, server["issuer"]
keys = JsonWebKey.import_key_set(requests.get(server["jwks_uri"], timeout=60).json())
verifier, nonce = generate_token(64), generate_token()
by_key = os.path.isfile(secret)
method = "private_key_jwt" if by_key else "client_secret_post"
if by_key:
    with open(secret, encoding="utf-8") as file:
        secret = file.read()
service = OAuth2Session(
    client_id, secret, scope="openid email offline_access", redirect_uri=redirect,
    code_challenge_method="S256", token_endpoint_auth_method=method, revocation_endpoint_auth_method=method,
)
if by_key:
    service.register_client_auth_method(PrivateKeyJWT(issuer, alg="ES256"))


def say(line):
    print(json.dumps(line), flush=True)


def verified(token, name, want):
    """The claims of an ID token, all of them checked; `name` and `want` are one more claim and its value."""
    claims = jwt.decode(
        token["id_token"], keys, claims_cls=CodeIDToken,
        claims_options={"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
        claims_params={"client_id": client_id, "access_token": token["access_token"]},
    )
    claims.validate()
    assert claims.get(name) == want, claims
    return claims


def refused(call, error):
    try:
        call()
    except AuthlibBaseError as told:
        assert told.error == error, told
    else:
        raise AssertionError(f"not refused: {error}")


url, state = service.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
if by_key:  # Authlib has nothing for RFC 9126 but the client's authentication
    sent = requests.post(
        server["pushed_authorization_request_endpoint"], timeout=60, auth=service.client_auth(method),
        data=dict(parse_qsl(urlsplit(url).query)),
    )
    assert sent.status_code == 201, sent.text
    url = f"{server['authorization_endpoint']}?client_id={client_id}&request_uri={sent.json()['request_uri']}"
say({"open": url})

back = sys.stdin.readline().strip()
service.state = state
token = service.fetch_token(server["token_endpoint"], authorization_response=back, code_verifier=verifier)
claims = verified(token, "nonce", nonce)
try:
    jwt.decode(token["id_token"][:-8] + ("A" if token["id_token"][-8] != "A" else "B") + token["id_token"][-7:], keys)
    raise AssertionError("a changed signature is good")
except JoseError:
    pass
info = service.get(server["userinfo_endpoint"]).json()
assert info["sub"] == claims["sub"], (info, claims)

first = token["access_token"]
token = service.refresh_token(server["token_endpoint"], refresh_token=token["refresh_token"])
assert token["access_token"] != first
assert verified(token, "nonce", None)["sub"] == claims["sub"]
worth = service.introspect_token(server["introspection_endpoint"], token=token["access_token"]).json()
assert (worth["active"], worth["sub"], worth["client_id"]) == (True, claims["sub"], client_id), worth

ended = service.revoke_token(server["revocation_endpoint"], token=token["access_token"], token_type_hint="access_token")
assert ended.status_code == 200, ended.text
refused_at = requests.get(server["userinfo_endpoint"], headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=60)
assert refused_at.status_code == 401, refused_at.text
ended = service.revoke_token(server["revocation_endpoint"], token=token["refresh_token"], token_type_hint="refresh_token")
assert ended.status_code == 200, ended.text
refused(lambda: service.refresh_token(server["token_endpoint"], refresh_token=token["refresh_token"]), "invalid_grant")
assert service.introspect_token(server["introspection_endpoint"], token=first).json() == {"active": False}
# A code is good once.
service.state = state
refused(lambda: service.fetch_token(server["token_endpoint"], authorization_response=back, code_verifier=verifier), "invalid_grant")
say({"claims": dict(info)})
