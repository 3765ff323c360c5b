"""The checks of test_operations.py for the Backup Repository: every row of its contract, texts to
the letter."""
import hashlib

import requests
from backup_client import COLLECTION_CODE, KEY_PASSWORD, PASSWORD, BackupClient, armoured
from contract import document
from harness import PATIENCE_S

ADMIN = {"username": "admin", "password": PASSWORD}
OWN_SESSION = ["CreatedAt", "UpdatedAt", "DeletedAt", "id", "expiresAt", "deactivated", "description",
               "requesterIP", "user", "accessKeyName"]


def refusal(answer):
    """Of a token or of a login: `code` and `message`, and the header that says so."""
    body = answer.json()
    assert body["code"] == answer.status_code
    assert answer.headers["WWW-Authenticate"] == "JWT realm=backup-repository"
    return body["message"]


def error(answer):
    assert "WWW-Authenticate" not in answer.headers
    return answer.json()["error"]


def try_bad_tokens(backup, operation, **arguments):
    for token, status, message in [
            (None, 401, "cookie token is empty"),
            ("nonsense", 401, "token contains an invalid number of segments"),
            (backup.token[:-8] + "AAAAAAAA", 401, "signature is invalid")]:
        assert refusal(backup.call(operation, status, token=token, **arguments)) == message
    malformed = backup.call(operation, 401, token=None, headers={"Authorization": "Basic YTpi"},
                            **arguments)
    assert refusal(malformed) == "cookie token is empty"


def check_backup_login(backup):
    for body in ({"json": ADMIN}, {"data": ADMIN}):
        made = backup.call("backup_login", token=None, **body).json()["data"]
        assert made["sessionId"] == hashlib.sha256(made["token"].encode()).hexdigest()
        assert "msg" not in made
    twice = [BackupClient(backup.hub).token for _ in range(2)]
    assert twice[0] != twice[1]

    scope = {"elements": [{"type": "collection", "name": "iwa-ait", "roles": ["backupUploader"]}]}
    narrow = backup.call("backup_login", token=None, json={**ADMIN, "operationsScope": scope})
    assert narrow.json()["data"]["msg"]
    key = {"username": "some-user$uploader", "password": KEY_PASSWORD}
    backup.call("backup_login", token=None, json=key)

    wrong = [("admin", "wrong"), ("somebody", PASSWORD), ("some-user$uploader", PASSWORD),
             ("some-user$none", KEY_PASSWORD), ("some-user", KEY_PASSWORD), ("../admin", PASSWORD)]
    for username, password in wrong:
        answer = backup.call("backup_login", 401, token=None,
                             json={"username": username, "password": password})
        assert refusal(answer) == "incorrect Username or Password", username
    missing = [{"json": {"username": "admin"}}, {"json": {"password": "x"}}, {"json": []},
               {"json": {"username": "", "password": "x"}}, {"data": {"username": "admin"}},
               {"json": {"username": 1, "password": "x"}}, {"json": {"username": "$k", "password": "x"}},
               {"data": b"{", "headers": {"Content-Type": "application/json"}}]
    for body in missing:
        answer = backup.call("backup_login", 401, token=None, **body)
        assert refusal(answer) == "missing Username or Password", body
    for elements in ("all", [{"type": "collection"}], [{"type": "collection", "name": "x",
                                                       "roles": "admin"}]):
        bad = {**ADMIN, "operationsScope": {"elements": elements}}
        assert "operationsScope" in error(backup.call("backup_login", 400, token=None, json=bad))


def check_backup_refresh(backup):
    body = backup.call("backup_refresh").json()
    assert (body["token"], body["expire"]) == (body["data"]["token"], body["data"]["expire"])
    assert body["token"] != backup.token
    # Both are sessions, the new one too.
    for token in (body["token"], backup.token):
        backup.call("backup_whoami", token=token)
    try_bad_tokens(backup, "backup_refresh")
    backup.call("backup_logout")
    backup.call("backup_refresh", 403)


def check_backup_user(backup, unprivileged):
    path = {"name": "some-user"}
    shown = backup.call("backup_user", path=path).json()["data"]
    assert shown == {"email": "user@riseup.net", "permissions": ["collectionManager"]}
    for name in ("nobody", "a%2Fsecrets%2Fbackup-repository-passwords", ".hidden", "n" * 254):
        answer = backup.call("backup_user", 404, path={"name": name})
        assert error(answer).startswith("IsError retrieving user:")
        assert "/" not in error(answer)
    own = backup.call("backup_user", path={"name": "unprivileged"}, token=unprivileged.token)
    assert own.json()["data"] == {"email": "unprivileged@example.org", "permissions": []}
    for name in ("some-user", "nobody"):
        answer = backup.call("backup_user", 403, path={"name": name}, token=unprivileged.token)
        assert error(answer) == "no permissions to view that user account"
    try_bad_tokens(backup, "backup_user", path=path)


def check_backup_whoami(backup):
    me = backup.call("backup_whoami").json()["data"]
    assert me["email"] == "riotkit@riseup.net"
    assert me["permissions"] == ["collectionManager", "usersManager", "systemAdmin"]
    access = me["grantedAccess"]
    assert list(access) == OWN_SESSION
    assert me["sessionId"] == access["id"] == hashlib.sha256(backup.token.encode()).hexdigest()
    assert (access["description"], access["user"], access["accessKeyName"]) == ("Login", "admin", "")
    assert access["deactivated"] is False and access["requesterIP"] == "127.0.0.1"
    # Wherever the token is carried, it is the identity.
    carriers = [{"params": {"token": backup.token}}, {"headers": {"Cookie": f"a=b; jwt={backup.token}"}},
                {"params": {"token": backup.token}, "headers": {"Authorization": "Basic YTpi"}}]
    for carrier in carriers:
        answer = backup.call("backup_whoami", token=None, **carrier)
        assert answer.json()["data"]["sessionId"] == me["sessionId"]
    try_bad_tokens(backup, "backup_whoami")


def end_sessions(backup, operation, unprivileged):
    other, admin = BackupClient(backup.hub, "unprivileged"), BackupClient(backup.hub)
    # A session of one's own, and not that of another user, nor one that is not there.
    for session in (admin.session_id, "0" * 64, "x"):
        answer = backup.call(operation, 403, token=unprivileged.token, params={"sessionId": session})
        assert error(answer) == "you don't have permissions to revoke session of other user"
    done = backup.call(operation, token=unprivileged.token, params={"sessionId": other.session_id})
    assert done.json()["data"] == {"message": "JWT was revoked", "sessionId": unprivileged.session_id,
                                   "revokedSessionId": other.session_id}
    assert refusal(backup.call("backup_whoami", 403, token=other.token)) == (
        "you don't have permission to access this resource")
    # Of others by an admin, also twice.
    other = BackupClient(backup.hub, "unprivileged")
    for _ in range(2):
        backup.call(operation, params={"sessionId": other.session_id})
    backup.call("backup_whoami", 403, token=other.token)
    answer = backup.call(operation, 404, params={"sessionId": "0" * 64})
    assert error(answer) == ("specified session identifier is not valid, cannot find GrantedAccess "
                             "of specified id")
    # One's own, and then no more.
    done = backup.call(operation, token=admin.token).json()["data"]
    assert done["sessionId"] == done["revokedSessionId"] == admin.session_id
    backup.call(operation, 403, token=admin.token)
    try_bad_tokens(backup, operation)


def check_backup_logout(backup, unprivileged):
    end_sessions(backup, "backup_logout", unprivileged)


def check_backup_logout_get(backup, unprivileged):
    end_sessions(backup, "backup_logout_get", unprivileged)


def check_backup_tokens(backup, unprivileged):
    first, second = (BackupClient(backup.hub, "unprivileged") for _ in range(2))
    backup.call("backup_logout", token=first.token)
    for arguments in ({"token": unprivileged.token}, {"params": {"userName": "unprivileged"}}):
        listed = backup.call("backup_tokens", **arguments).json()["data"]["grantedAccesses"]
        assert [a["id"] for a in listed[:2]] == [second.session_id, first.session_id]
        assert [a["deactivated"] for a in listed[:2]] == [False, True]
        assert listed[1]["UpdatedAt"] >= listed[1]["CreatedAt"]
        assert {a["user"] for a in listed} == {"unprivileged"}
    nobody = backup.call("backup_tokens", params={"userName": "nobody"})
    assert nobody.json()["data"]["grantedAccesses"] == []
    answer = backup.call("backup_tokens", 403, token=unprivileged.token, params={"userName": "admin"})
    assert error(answer) == "no permissions to act as other user"
    key = BackupClient(backup.hub, "some-user$uploader", KEY_PASSWORD)
    whole = BackupClient(backup.hub, "some-user")
    listed = backup.call("backup_tokens", token=whole.token).json()["data"]["grantedAccesses"]
    assert [a["accessKeyName"] for a in listed[:2]] == ["", "uploader"]
    answer = backup.call("backup_tokens", 403, token=key.token)
    assert error(answer) == "no permissions to act as other user"
    try_bad_tokens(backup, "backup_tokens")


def check_backup_openapi(backup, hub):
    answer = backup.call("backup_openapi", token=None)
    assert answer.json() == document("backup_repository")
    backup.call("backup_openapi", 304, token=None, headers={"If-None-Match": answer.headers["ETag"]})
    alias = requests.get(hub.url + "/api/alpha/openapi.json", timeout=PATIENCE_S)
    assert alias.content == answer.content


IWA_AIT = {"id": "iwa-ait"}


def check_backup_upload(backup, unprivileged):
    content = armoured(5000)
    for arguments in ({"data": content}, {"files": {"file": ("b.asc", content)}}):
        before = backup.call("backup_versions", path=IWA_AIT).json()["data"]["versions"]
        made = backup.call("backup_upload", path=IWA_AIT, **arguments).json()["data"]["version"]
        assert made["filesize"] == len(content) and made["collectionId"] == "iwa-ait"
        assert made["filename"] == f"iwa-ait-{made['versionNumber']}.tar.gz.asc"
        assert made["user"] == "admin" and made["CreatedAt"] == made["UpdatedAt"]
        assert made["uploadedBySessionId"] == hashlib.sha256(backup.token.encode()).hexdigest()
        assert not before or made["versionNumber"] == before[0]["versionNumber"] + 1
    begun = "cannot upload version. cannot upload file, cannot copy stream, error: "
    for body, text in [
            (b"", "sent empty data"),
            (b"no message", "first chunk of uploaded data does not contain a valid GPG header"),
            (content[:-20], "end of uploaded data does not contain a valid GPG footer")]:
        answer = backup.call("backup_upload", 500, path=IWA_AIT, data=body)
        assert error(answer) == begun + text
    answer = backup.call("backup_upload", 404, path={"id": "none"}, data=content)
    assert error(answer) == "cannot find specified collection"
    answer = backup.call("backup_upload", 403, path=IWA_AIT, data=content, token=unprivileged.token)
    assert error(answer) == "not authorized to upload versions to this collection"
    try_bad_tokens(backup, "backup_upload", path=IWA_AIT, data=content)


def check_backup_versions(backup, unprivileged):
    sent = [backup.call("backup_upload", path=IWA_AIT, data=armoured()).json()["data"]["version"]
            for _ in range(2)]
    listed = backup.call("backup_versions", path=IWA_AIT).json()["data"]["versions"]
    assert listed[:2] == sent[::-1]
    alpha = backup.base.replace("stable", "alpha") + "/repository/collection/iwa-ait/version"
    again = requests.get(alpha, headers={"Authorization": f"Bearer {backup.token}"}, timeout=PATIENCE_S)
    assert again.json()["data"]["versions"] == listed
    for name in ("none", "a%2Fiwa-ait", "x" * 300):
        answer = backup.call("backup_versions", 404, path={"id": name})
        assert error(answer) == "cannot find specified collection"
    backup.call("backup_versions", 403, path=IWA_AIT, token=unprivileged.token)
    try_bad_tokens(backup, "backup_versions", path=IWA_AIT)


def check_backup_download(backup, unprivileged):
    contents = [armoured(3000), armoured(200)]
    numbers = [backup.call("backup_upload", path=IWA_AIT, data=content)
               .json()["data"]["version"]["versionNumber"] for content in contents]
    for version, content in [(numbers[0], contents[0]), (numbers[1], contents[1]),
                             ("latest", contents[1])]:
        answer = backup.call("backup_download", path={**IWA_AIT, "version": version})
        assert answer.content == content
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    first = {**IWA_AIT, "version": numbers[0]}
    part = backup.call("backup_download", 206, path=first, headers={"Range": "bytes=2-5"})
    assert part.content == contents[0][2:6]
    etag = backup.call("backup_download", path=first).headers["ETag"]
    backup.call("backup_download", 304, path=first, headers={"If-None-Match": etag})
    for version in ("99999999", "0", "-1", "first", "1e3", "9" * 30):
        answer = backup.call("backup_download", 404, path={**IWA_AIT, "version": version})
        assert error(answer) == "cannot find specified version"
    answer = backup.call("backup_download", 404, path={"id": "none", "version": 1})
    assert error(answer) == "cannot find specified collection"
    answer = backup.call("backup_download", 403, path=first, token=unprivileged.token)
    assert error(answer) == "not authorized to download versions from this collection"
    try_bad_tokens(backup, "backup_download", path=first)


def check_backup_health(backup):
    backup.call("backup_upload", path=IWA_AIT, data=armoured())
    names = ["BackupWindowValidator", "VersionsSizeValidator", "SumOfVersionsValidator"]
    carriers = [{"params": {"code": COLLECTION_CODE}}, {"headers": {"Authorization": COLLECTION_CODE}}]
    for carrier in carriers:
        checks = backup.call("backup_health", path=IWA_AIT, token=None, **carrier).json()["data"]
        assert [check["name"] for check in checks["health"]] == names
        assert all(check["status"] and check["message"] == "OK" for check in checks["health"])
    for carrier in ({}, {"params": {"code": "no"}}):
        answer = backup.call("backup_health", 403, path=IWA_AIT, token=None, **carrier)
        assert "health code" in error(answer)
    answer = backup.call("backup_health", 404, path={"id": "none"}, token=None)
    assert error(answer) == "cannot find specified collection"
