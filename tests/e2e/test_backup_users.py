"""Backup Repository: users that are written in files, the hub's own accounts beside them, sessions
that are over at once wherever they are used, and what is told about them."""
import base64
import json
import time

import pytest
import requests
from backup_client import (COLLECTION_CODE, HEALTH_KEY, KEY_PASSWORD, PASSWORD, BackupClient,
                           BackupFolder, armoured)
from harness import PATIENCE_S, wait_for
from socket_client import SocketClient

REVOKED = "you don't have permission to access this resource"
INCORRECT = "incorrect Username or Password"


@pytest.fixture
def hub(make_hub, files):
    return make_hub(*files.options())


def login_refused(hub, username, password=PASSWORD):
    answer = BackupClient.try_login(hub.url + "/api/stable", username, password)
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 401 and answer.json()["message"]


def ready(hub):
    answer = requests.get(hub.url + "/ready", params={"code": HEALTH_KEY}, timeout=PATIENCE_S)
    checks = {c["name"]: c for c in answer.json()["data"]["health"]}
    return answer.status_code, checks["ConfigurationProviderValidator"]


def complaints(hub, name):
    return sum('"manifest_broken"' in line and f"/{name}.yaml" in line
               for line in hub.log_text().splitlines())


def account(hub, name):
    answer = requests.post(hub.api + "/auth/register", timeout=PATIENCE_S, json={
        "username": name, "email": f"{name}@example.com", "password": "long enough"})
    assert answer.status_code == 201, answer.text


# --- files -----------------------------------------------------------------------------------------

BOMB = "a: &a [x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9))

BROKEN = [
    ("no YAML", "kind: [BackupUser\n"),
    ("nothing", ""),
    ("a list", "- 1\n"),
    ("aliases that explode", BOMB),
    ("800 levels", "a: " + "[" * 800 + "]" * 800 + "\n"),
    ("two documents", "a: 1\n---\nb: 2\n"),
    ("no UTF-8", b"a: \xff\xfe\n"),
    ("too long", "# " + "x" * (300 << 10) + "\n"),
    ("another kind", "apiVersion: backups.riotkit.org/v1alpha1\nkind: Secret\nmetadata: {name: eve}\n"),
    ("another name", "apiVersion: backups.riotkit.org/v1alpha1\nkind: BackupUser\n"
                     "metadata: {name: admin}\nspec: {email: e@example.org, roles: [systemAdmin]}\n"),
    ("roles that are no list", "apiVersion: backups.riotkit.org/v1alpha1\nkind: BackupUser\n"
                               "metadata: {name: eve}\nspec: {email: e@example.org, roles: admin}\n"),
]


def test_broken_files_are_named_and_harm_nobody_else(hub, files):
    assert ready(hub) == (200, {"name": "ConfigurationProviderValidator", "status": True,
                                "message": "OK", "statusText": "ConfigurationProviderValidator=true"})
    admin = BackupClient(hub)
    for number, (what, text) in enumerate(BROKEN):
        name = f"eve{number}"
        files.write("BackupUser", name, text if isinstance(text, bytes) else text.replace(
            "{name: eve}", f"{{name: {name}}}"))
        assert login_refused(hub, name) == INCORRECT, what
        answer = admin.ask(f"/auth/user/{name}")
        assert answer.status_code == 404 and "broken" in answer.json()["error"], what
        status, check = ready(hub)
        assert (status, check["status"]) == (500, False), what
        assert check["message"].startswith("configuration provider is not usable: ")
        assert f"backupusers/{name}.yaml: " in check["message"], (what, check["message"])
        admin.ask(f"/auth/user/{name}")
        assert complaints(hub, name) == 1, what         # once for each version of the file
        assert not login_refused(hub, "admin")
        files.remove("BackupUser", name)
    assert ready(hub)[0] == 200
    # The hub itself is well all the time: these files are not its own.
    files.write("BackupUser", "eve", "[")
    assert requests.get(hub.url + "/ready", timeout=PATIENCE_S).json()["status"] == "ready"
    files.user("eve")
    assert ready(hub)[0] == 200 and not login_refused(hub, "eve")


def test_references_to_secrets(hub, files):
    ref = {"passwordFromRef": {"name": "team", "entry": "eve"}}
    files.user("eve", **ref)
    # The reference wins over the password beside it, also when it leads nowhere.
    assert login_refused(hub, "eve") == INCORRECT
    assert 'backupusers/eve.yaml: spec.passwordFromRef: the secret "team"' in ready(hub)[1]["message"]
    files.put("Secret", "team", data={"other": "x"})
    assert login_refused(hub, "eve") == INCORRECT
    assert complaints(hub, "eve") == 1
    files.put("Secret", "team", data={"eve": files.example_secret("some-user_uploader")})
    assert not login_refused(hub, "eve", KEY_PASSWORD)
    assert login_refused(hub, "eve", PASSWORD) == INCORRECT
    # Well again, and lost again, is said again.
    files.remove("Secret", "team")
    assert login_refused(hub, "eve", KEY_PASSWORD) == INCORRECT
    assert complaints(hub, "eve") == 2
    files.put("Secret", "team", data={"eve": files.example_secret("some-user_uploader")})
    files.user("eve", passwordFromRef={"name": "../secrets/team", "entry": "eve"})
    assert login_refused(hub, "eve", KEY_PASSWORD) == INCORRECT


def test_changes_count_at_once_for_open_sessions(hub, files):
    files.user("eve", ["userManager"])
    eve = BackupClient(hub, "eve")
    assert eve.ask("/auth/user/some-user").status_code == 200
    files.user("eve", [])
    assert eve.ask("/auth/user/some-user").status_code == 403
    assert eve.ask("/auth/whoami").json()["data"]["permissions"] == []
    for away in (lambda: files.user("eve", deactivated=True),
                 lambda: files.write("BackupUser", "eve", "["),
                 lambda: files.remove("BackupUser", "eve")):
        away()
        answer = eve.ask("/auth/whoami")
        assert (answer.status_code, answer.json()["message"]) == (403, REVOKED)
        assert login_refused(hub, "eve") == INCORRECT
        files.user("eve")
        assert eve.ask("/auth/whoami").status_code == 200
    # A session by an access key ends with the key.
    key = {"name": "box", "password": files.example_secret("some-user_uploader"), "objects": []}
    files.user("eve", accessKeys=[key])
    box = BackupClient(hub, "eve$box", KEY_PASSWORD)
    assert box.ask("/auth/whoami").json()["data"]["grantedAccess"]["accessKeyName"] == "box"
    files.user("eve", accessKeys=[])
    assert box.ask("/auth/whoami").status_code == 403


def test_files_that_come_later(make_hub, tmp_path):
    """Without a setting they are in the data folder, which may be empty at first."""
    hub = make_hub("--backup-health-check-key", HEALTH_KEY)
    assert ready(hub)[0] == 200
    assert login_refused(hub, "eve") == INCORRECT
    files = BackupFolder(hub.data / "backup-repository")
    files.user("eve")
    assert not login_refused(hub, "eve")


@pytest.mark.parametrize("name", [
    "../backupusers/admin", "..%2fbackupusers%2fadmin", "./admin", "/admin", "admin/", "admin.yaml",
    ".admin", "admin\x00", "admin\n", "a" * 254, "äpfel", "\ud800".encode("utf-16", "surrogatepass"),
], ids=repr)
def test_names_that_lead_elsewhere(hub, name):
    if isinstance(name, bytes):
        answer = requests.post(hub.url + "/api/stable/auth/login", timeout=PATIENCE_S,
                               data={"username": name, "password": PASSWORD})
        assert answer.status_code == 401
        return
    answer = BackupClient.try_login(hub.url + "/api/stable", name)
    assert answer.status_code == 401
    assert answer.json()["message"] in (INCORRECT, "missing Username or Password")


def test_addresses_count_behind_a_setting(make_hub, files):
    files.user("eve", restrictByIP=["192.0.2.7"])
    files.user("bob", restrictByIP=["192.0.2.7", "::ffff:127.0.0.1"])
    files.user("net", restrictByIP=["no address", "127.0.0.0/8"])
    hub = make_hub(*files.options())
    assert not login_refused(hub, "eve")
    strict = make_hub(*files.options(), "--backup-restrict-by-ip", "on")
    assert login_refused(strict, "eve") == INCORRECT
    assert not login_refused(strict, "bob") and not login_refused(strict, "net")


def test_the_address_behind_a_trusted_proxy(make_hub, files):
    for trusted, address in [("127.0.0.1", "203.0.113.9"), ("", "127.0.0.1")]:
        hub = make_hub(*files.options(), "--trusted-proxies", trusted)
        answer = requests.post(hub.url + "/api/stable/auth/login", timeout=PATIENCE_S,
                               json={"username": "admin", "password": PASSWORD},
                               headers={"X-Forwarded-For": "203.0.113.9"})
        me = requests.get(hub.url + "/api/stable/auth/whoami", timeout=PATIENCE_S, headers={
            "Authorization": "Bearer " + answer.json()["data"]["token"]}).json()["data"]
        assert me["grantedAccess"]["requesterIP"] == address


# --- accounts --------------------------------------------------------------------------------------

@pytest.mark.parametrize("partitions", [1, 3])
def test_accounts_of_the_hub(make_hub, files, partitions):
    files.remove("BackupUser", "admin")
    hub = make_hub(*files.options(), "--partitions", str(partitions),
                   env={"MEDIAHUB_MEDIAVAULT_ALLOW_REGISTRATION": "on"})
    admin = BackupClient(hub, "admin", "correct horse battery")
    assert admin.ask("/auth/whoami").json()["data"]["permissions"] == ["systemAdmin"]
    users = []
    for name in ("ada", "bea", "cleo", "dora"):
        account(hub, name)
        users.append(BackupClient(hub, name, "long enough"))
        me = users[-1].ask("/auth/whoami").json()["data"]
        assert me["permissions"] == [] and me["email"] == f"{name}@example.com"
    # In whichever partition they are, an admin finds and ends their sessions.
    for user, name in zip(users, ("ada", "bea", "cleo", "dora")):
        listed = admin.ask("/auth/token", params={"userName": name}).json()["data"]
        assert [a["id"] for a in listed["grantedAccesses"]] == [user.session_id]
        assert user.ask("/auth/token", params={"userName": "admin"}).status_code == 403
        done = admin.ask("/auth/logout", "DELETE", params={"sessionId": user.session_id})
        assert done.json()["data"]["revokedSessionId"] == user.session_id
        assert user.ask("/auth/whoami").status_code == 403
    # A file of the same name is another person, and comes first.
    files.user("ada", ["systemAdmin"])
    assert login_refused(hub, "ada", "long enough") == INCORRECT
    ada = BackupClient(hub, "ada")
    listed = ada.ask("/auth/token").json()["data"]["grantedAccesses"]
    assert [a["id"] for a in listed] == [ada.session_id]


def test_accounts_have_what_a_collection_gives_them_and_nothing_else(make_hub, files):
    files.collection("shared", accessControl=[
        {"name": "ada", "type": "user", "roles": ["backupUploader"]}])
    hub = make_hub(*files.options(), env={"MEDIAHUB_MEDIAVAULT_ALLOW_REGISTRATION": "on"})
    for name in ("ada", "bea"):
        account(hub, name)
    ada, bea, admin = (BackupClient(hub, *who) for who in (
        ("ada", "long enough"), ("bea", "long enough"), ("admin",)))
    kept = [admin.uploaded(name, armoured()) for name in ("shared", "iwa-ait")]
    for client, collection, statuses in [(ada, "shared", (200, 200, 403)),
                                         (ada, "iwa-ait", (403, 403, 403)),
                                         (bea, "shared", (403, 403, 403)),
                                         (bea, "iwa-ait", (403, 403, 403))]:
        path = f"/repository/collection/{collection}/version"
        assert (client.upload(collection, armoured()).status_code, client.ask(path).status_code,
                client.download(collection).status_code) == statuses, collection
    assert admin.versions("iwa-ait") == kept[1:]
    assert bea.ask("/auth/user/ada").status_code == 403
    assert bea.ask("/auth/user/bea").status_code == 200
    # Nor does an address that one gives oneself show anything.
    files.user("clerk", [], email="clerk@example.com")
    session = hub.session(hub.login("bea", "long enough"))
    assert session.patch(hub.api + "/users/me", json={"email": "clerk@example.com"}).ok
    wait_for(lambda: admin.ask("/auth/user/clerk").status_code == 200, "the file of the user")
    assert bea.ask("/auth/user/clerk").status_code == 403
    assert bea.ask("/auth/user/bea").status_code == 200


# --- narrowed sessions -----------------------------------------------------------------------------

def test_a_narrowed_session_does_what_is_about_its_object_only(hub, files):
    """By an access key and by a scope, also of somebody who may do everything."""
    key = {"name": "box", "password": files.example_secret("some-user_uploader"),
           "objects": [{"type": "collection", "name": "iwa-ait", "roles": ["systemAdmin"]}]}
    files.user("root", ["systemAdmin"], accessKeys=[key])
    scope = {"elements": [{"type": "collection", "name": "iwa-ait", "roles": ["systemAdmin"]}]}
    whole, other = BackupClient(hub, "root"), BackupClient(hub, "some-user")
    for narrow in (BackupClient(hub, "root$box", KEY_PASSWORD),
                   BackupClient(hub, "root", operationsScope=scope)):
        narrow.uploaded("iwa-ait", armoured())
        assert narrow.download("iwa-ait").status_code == 200
        for path in ("/auth/token", "/auth/token?userName=root", "/auth/token?userName=some-user",
                     "/auth/user/root", "/auth/user/some-user", "/auth/user/nobody"):
            assert narrow.ask(path).status_code == 403, path
        for session in (whole.session_id, other.session_id, "0" * 64):
            answer = narrow.ask("/auth/logout", "DELETE", params={"sessionId": session})
            assert answer.status_code == 403, answer.text
        assert whole.ask("/auth/whoami").status_code == other.ask("/auth/whoami").status_code == 200
        # It hears of nothing else either.
        with pytest.raises(AssertionError):
            SocketClient(hub, narrow.token)
        # A new token of it is as narrow.
        token = narrow.ask("/auth/refresh_token").json()["token"]
        answer = requests.get(hub.url + "/api/stable/auth/token", timeout=PATIENCE_S,
                              headers={"Authorization": "Bearer " + token})
        assert answer.status_code == 403
        assert narrow.ask("/auth/whoami").status_code == 200
        assert narrow.ask("/auth/logout", "DELETE").status_code == 200
        assert narrow.ask("/auth/whoami").status_code == 403
    assert whole.ask("/auth/token").status_code == 200


# --- the cost of a login ---------------------------------------------------------------------------

def work_kib(hub):
    lines = requests.get(hub.url + "/metrics", timeout=PATIENCE_S).text.splitlines()
    return next(int(line.split()[1]) for line in lines
                if line.startswith("mediahub_password_work_kib_total "))


def test_every_login_costs_the_same(make_hub, files):
    """Counted in what is computed, not in time: names cannot be told apart by it."""
    files.user("broken", password=None)
    files.user("shut", deactivated=True)
    hub = make_hub(*files.options(), env={"MEDIAHUB_MEDIAVAULT_ALLOW_REGISTRATION": "on"})
    account(hub, "ada")

    def cost(name, password="wrong"):
        before = work_kib(hub)
        login_refused(hub, name, password)
        return work_kib(hub) - before

    usual = 19456 * 2 + 65536
    for name, password in [("nobody", "x"), ("ada", "x"), ("ada", "long enough"), ("admin", "x"),
                           ("admin", PASSWORD), ("some-user$uploader", KEY_PASSWORD),
                           ("some-user$none", "x"), ("nobody$none", "x"), ("broken", "x"),
                           ("shut", PASSWORD), ("ada$none", "x")]:
        assert cost(name, password) == usual, name
    # Whose hash costs more makes it cost more for everybody, from when the file is there.
    files.user("odd", password=base64.b64encode(
        b"$argon2id$v=19$m=1024,t=3,p=2$c2FsdHNhbHRzYWx0$" + base64.b64encode(b"x" * 32)).decode())
    for name in ("nobody", "ada", "admin", "odd", "some-user$uploader"):
        assert cost(name) == usual + 1024 * 3, name
    files.remove("BackupUser", "odd")
    assert cost("nobody") == usual


# --- tokens ----------------------------------------------------------------------------------------

def bent(token, **header):
    """The same claims, unsigned."""
    claims = token.split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT", **header}).encode())
    return f"{head.decode().rstrip('=')}.{claims}."


def test_tokens_of_others(hub):
    backup, media = BackupClient(hub), hub.login()
    good = backup.token
    for token, message in [
            (media, "signature is invalid"),
            (bent(good), None), (bent(good) + "AAAA", "signature is invalid"),
            (good + "x", "signature is invalid"),
            ("." * 2, None), ("a.b", "token contains an invalid number of segments"),
            ("x" * 3000, "token contains an invalid number of segments")]:
        answer = requests.get(hub.url + "/api/stable/auth/whoami", timeout=PATIENCE_S,
                              headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, token[:40]
        assert message in (None, answer.json()["message"]), token[:40]
    answer = requests.get(hub.url + "/api/stable/auth/whoami", timeout=PATIENCE_S,
                          params={"token": "x" * 100000})
    assert answer.status_code in (401, 414, 431)
    # And the other way.
    answer = requests.get(hub.api + "/users/me", timeout=PATIENCE_S,
                          headers={"Authorization": f"Bearer {good}"})
    assert answer.status_code == 401 and answer.json()["success"] is False


def test_a_scope_that_fits_into_no_token(hub, files):
    name = "a" * 200
    files.user(name, ["collectionManager"])
    bare = BackupClient(hub, name)

    def asked(n):
        return BackupClient.try_login(hub.url + "/api/stable", name, operationsScope={"elements": [
            {"type": "collection", "name": "b" * n, "roles": []}]})

    assert asked(1000).status_code == 200
    answer = asked(1990)
    assert answer.status_code == 400, answer.text
    assert "operationsScope" in answer.text
    assert bare.ask("/auth/whoami").status_code == 200


def test_tokens_end(make_hub, files):
    hub = make_hub(*files.options(), "--backup-jwt-ttl", "2")
    client = BackupClient(hub)
    assert client.ask("/auth/whoami").status_code == 200
    # A Response of an error is falsy, hence the list.
    (answer,) = wait_for(lambda: [a for a in [client.ask("/auth/whoami")] if a.status_code != 200],
                         "its end")
    assert (answer.status_code, answer.json()["message"]) == (401, "Token is expired")
    # One that has just expired is still good for a new one.
    answer = client.ask("/auth/refresh_token")
    assert answer.status_code == 200, answer.text
    client.http.headers["Authorization"] = "Bearer " + answer.json()["token"]
    assert client.ask("/auth/whoami").status_code == 200


# --- the end of a session --------------------------------------------------------------------------

def closed(client):
    message = client.receive()
    while message["type"] != "closed":
        message = client.receive()
    return message


def test_revoked_everywhere_at_once(make_hub, files):
    hub = make_hub(*files.options(), "--gateways", "2")
    admin, eve = BackupClient(hub), BackupClient(hub, "some-user")
    other = BackupClient(hub, "some-user")

    def asked():
        """Over connections of their own, so that both gateways get some."""
        return {requests.get(hub.url + "/api/stable/auth/whoami", timeout=PATIENCE_S,
                             headers={"Authorization": f"Bearer {eve.token}"}).status_code
                for _ in range(32)}

    sockets = [SocketClient(hub, eve.token, ["session_updates"]) for _ in range(8)]
    stays = SocketClient(hub, other.token, ["session_updates"])
    assert asked() == {200}
    admin.ask("/auth/logout", "DELETE", params={"sessionId": eve.session_id})
    assert asked() == {403}
    started = time.monotonic()
    for socket in sockets:
        assert closed(socket)["code"] in (4401, 4001, 1008, 4403)
    assert time.monotonic() - started < 2
    # The user's other session goes on, and hears of it.
    event = stays.wait_event("session.revoked", eve.session_id)
    assert event["channel"] == "session_updates"
    assert other.ask("/auth/whoami").status_code == 200
    stays.close()
    with pytest.raises(AssertionError):
        SocketClient(hub, eve.token)


def test_told_to_webhooks(hub, make_receiver):
    receiver = make_receiver()
    answer = hub.session().post(hub.api + "/webhooks", timeout=PATIENCE_S, json={
        "url": receiver.url, "events": ["session.revoked", "collection.version.uploaded"]})
    assert answer.status_code == 201, answer.text
    user = BackupClient(hub, "some-user")
    user.ask("/auth/logout", "DELETE")
    wait_for(lambda: "session.revoked" in receiver.events(), "the message")
    body = json.loads(receiver.received[0]["body"])
    assert user.session_id in json.dumps(body) and user.token not in json.dumps(body)


# --- limits ----------------------------------------------------------------------------------------

def test_limits(make_hub, files):
    hub = make_hub(*files.options(), env={
        "MEDIAHUB_LIMITS_BACKUP": "5", "MEDIAHUB_LIMITS_BACKUP_LOGIN": "10",
        "MEDIAHUB_LIMITS_BACKUP_HEALTH": "10", "MEDIAHUB_LIMITS_HEALTH": "160"})
    client = BackupClient(hub)
    collection = f"/repository/collection/iwa-ait/health?code={COLLECTION_CODE}"
    for path, limit, window_s in [("/auth/whoami", 5, 1), (collection, 10, 60),
                                  ("/auth/refresh_token", 10, 60)]:
        answers = [client.ask(path) for _ in range(limit * 2 + 2)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused and all(a.headers["X-RateLimit-Limit"] == str(limit) for a in answers)
        assert int(answers[0].headers["X-RateLimit-Remaining"]) < limit
        assert refused[0].json() == {"data": {}, "status": False,
                                     "error": refused[0].json()["error"]}
        assert 0 < int(refused[0].headers["Retry-After"]) <= window_s
    answers = [requests.get(hub.url + "/health", timeout=PATIENCE_S) for _ in range(330)]
    assert {answer.status_code for answer in answers} == {200, 429}


# --- deaths ----------------------------------------------------------------------------------------

def test_sessions_outlive_every_process(hub):
    hub.expect_deaths()
    client = BackupClient(hub)
    gone = BackupClient(hub, "some-user")
    gone.ask("/auth/logout", "DELETE")
    hub.kill()
    hub.start()
    assert client.ask("/auth/whoami").status_code == 200
    assert gone.ask("/auth/whoami").status_code == 403
