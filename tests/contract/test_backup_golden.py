"""The examples of the original's manual: each request as it is printed there, and its answer, where
what differs from login to login is compared by its form."""
import re

import pytest
import requests
from backup_client import BackupClient
from harness import PATIENCE_S

FORMS = [re.compile(form) for form in (
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",      # a date
    r"[0-9a-f]{64}",                                                    # a session
    r"[\w-]+\.[\w-]+\.[\w-]+",                                          # a token
    r"[\d.]+|[0-9a-f]*:[0-9a-f:]*",                                     # an address
)]
# What the code of the original has beyond its manual, and what this one adds.
MORE = {"accessKeyName", "revokedSessionId"}

GRANTED = {
    "CreatedAt": "2022-02-26T20:23:15.272127+01:00", "UpdatedAt": "2022-02-26T20:23:15.272127+01:00",
    "DeletedAt": None, "id": "4e1a57bebab9a87faa413934015d9e2ae83cff39cce3b55b02a55e68392964b3",
    "expiresAt": "2032-02-24T20:23:15.271405+01:00", "deactivated": False, "description": "Login",
    "requesterIP": "::1", "user": "admin",
}
SESSION = GRANTED["id"]

EXAMPLES = {
    "login": ("POST", "/api/stable/auth/login", {"data": {
        "expire": "2032-02-25T00:32:56+01:00", "sessionId": SESSION,
        "token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.my0WXXMxKCetkomtzRDNIKLWUm4c"},
        "status": True}),
    "user": ("GET", "/api/stable/auth/user/some-user", {
        "data": {"email": "user@riseup.net", "permissions": ["collectionManager"]}, "status": True}),
    "whoami": ("GET", "/api/stable/auth/whoami", {"data": {
        "email": "riotkit@riseup.net", "grantedAccess": GRANTED,
        "permissions": ["collectionManager", "usersManager", "systemAdmin"], "sessionId": SESSION},
        "status": True}),
    "token": ("GET", "/api/stable/auth/token", {
        "data": {"grantedAccesses": [GRANTED]}, "status": True}),
    # The manual's heading says GET, its example DELETE.
    "logout": ("DELETE", "/api/stable/auth/logout", {
        "data": {"message": "JWT was revoked", "sessionId": SESSION}, "status": True}),
    "logout by GET": ("GET", "/api/stable/auth/logout", {
        "data": {"message": "JWT was revoked", "sessionId": SESSION}, "status": True}),
}


def compare(example, got, where="$"):
    assert type(example) is type(got), where
    if isinstance(example, dict):
        assert set(example) <= set(got) <= set(example) | MORE, where
        for key in example:
            compare(example[key], got[key], f"{where}.{key}")
    elif isinstance(example, list):
        if example and isinstance(example[0], dict):
            assert got, where
            for item in got:
                item.update(deactivated=False)      # of former sessions it may be either
                compare(example[0], item, f"{where}[]")
        else:
            assert got == example, where
    elif isinstance(example, str):
        form = next((form for form in FORMS if form.fullmatch(example)), None)
        assert form.fullmatch(got) if form else got == example, (where, got)
    else:
        assert got == example, where


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(hub, name):
    method, path, example = EXAMPLES[name]
    if name == "login":
        arguments = {"data": '{"username":"admin","password":"admin"}'}
    else:
        arguments = {"headers": {"Authorization": f"Bearer {BackupClient(hub).token}"}}
    arguments.setdefault("headers", {})["Content-Type"] = "application/json"
    answer = requests.request(method, hub.url + path, timeout=PATIENCE_S, **arguments)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    compare(example, answer.json())
