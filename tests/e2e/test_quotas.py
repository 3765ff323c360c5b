"""What an account may keep: exact under parallel uploads, nothing left behind, right after deletions,
and set right by `mediahub check --repair`."""
import concurrent.futures
import subprocess

import pytest
import requests
import state_keys
from backup_client import BackupClient, armoured
from harness import BUILD, PATIENCE_S, wait_for
from load import tiny_png
from people import add_user


def post(hub, session, data, **fields):
    return requests.post(hub.api + "/media/upload", data=fields, headers=session.headers,
                         files={"file": ("tiny.png", data)}, timeout=PATIENCE_S)


def refused(answer, status=507, code="insufficient_storage"):
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    return answer


def stored(hub):
    return {p.name for area in ("blobs", "incoming") for p in (hub.data / "store" / area).rglob("*")
            if p.is_file()}


def total(hub, session):
    return session.get(hub.api + "/media").json()["meta"]["pagination"]["total"]


@pytest.fixture
def hub(make_hub):
    return make_hub("--quota-items", "5", "--quota-bytes", "10k", "--quota-text", "1k")


def test_items(hub):
    ada, bob = add_user(hub, "ada")[1], add_user(hub, "bob")[1]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: post(hub, ada, tiny_png(n)), range(12)))
    made = [answer.json()["data"] for answer in answers if answer.status_code == 201]
    assert len(made) == 5 == total(hub, ada)
    wait_for(lambda: len(stored(hub)) == 5, "the end of what was refused")
    for answer in answers:
        if answer.status_code != 201:
            assert int(refused(answer).headers["Retry-After"]) > 0
    assert "5 items" in refused(post(hub, ada, tiny_png(99))).json()["error"]["message"]

    # It is hers alone, and what she deletes makes room for as much.
    assert post(hub, bob, tiny_png(50)).status_code == 201
    for one in made[:2]:
        assert ada.delete(f"{hub.api}/media/{one['id']}").status_code == 200
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(lambda n: post(hub, ada, tiny_png(n)).status_code, range(20, 26)))
    assert statuses == [201, 201, 507, 507, 507, 507]

    # The first answer is given again also when there is no room left.
    key = {"Idempotency-Key": "k"}
    assert ada.delete(f"{hub.api}/media/{made[2]['id']}").status_code == 200
    ada.headers.update(key)
    first = post(hub, ada, tiny_png(70))
    again = post(hub, ada, tiny_png(70))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["data"]["id"] == again.json()["data"]["id"] and total(hub, ada) == 5


def test_bytes(hub):
    ada = add_user(hub, "ada")[1]
    small, large = tiny_png(0) + bytes(6000 - len(tiny_png(0))), tiny_png(1) + bytes(11000)
    refused(post(hub, ada, large))
    made = post(hub, ada, small)
    assert made.status_code == 201
    hub.wait_status(ada, made.json()["data"]["id"], "ready")     # and all that is made of it is there
    before = stored(hub)
    refused(post(hub, ada, small[:-1] + b"x"))

    def chunked():
        body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        yield body + small[:3000]
        yield small[3000:-1] + b"y\r\n--b--\r\n"

    answer = requests.post(hub.api + "/media/upload", data=chunked(), timeout=PATIENCE_S, headers={
        **ada.headers, "Content-Type": "multipart/form-data; boundary=b"})
    refused(answer)
    wait_for(lambda: stored(hub) == before, "the end of what was refused")
    assert total(hub, ada) == 1
    assert post(hub, ada, tiny_png(2) + bytes(3000)).status_code == 201


def test_text(hub):
    ada = add_user(hub, "ada")[1]
    before = stored(hub)
    refused(post(hub, ada, tiny_png(0), description="d" * 1100), 413, "payload_too_large")
    refused(post(hub, ada, tiny_png(0), title="t" * 250, description="d" * 500,
                 tags=",".join(f"{n:050}" for n in range(6))), 413, "payload_too_large")
    wait_for(lambda: stored(hub) == before, "the end of what was refused")
    assert total(hub, ada) == 0
    media = post(hub, ada, tiny_png(0), description="d" * 900).json()["data"]
    path = f"{hub.api}/media/{media['id']}"
    refused(ada.patch(path, json={"title": "t" * 200}), 413, "payload_too_large")
    assert ada.get(path).json()["data"]["title"] == "tiny"
    assert ada.patch(path, json={"title": "t" * 200, "description": None}).status_code == 200


def test_check_repairs_what_is_counted_wrong(hub):
    user_id, ada = add_user(hub, "ada")
    for n in range(3):
        assert post(hub, ada, tiny_png(n)).status_code == 201

    def check(*options):
        result = subprocess.run([BUILD / "bin/mediahub", "check", "--data", hub.data, *options],
                                cwd=hub.folder, env=hub.env, text=True, capture_output=True,
                                timeout=PATIENCE_S, check=False)
        return result.returncode, [line for line in result.stdout.splitlines() if "usage" in line]

    assert check() == (0, [])
    state_keys.count_wrong(hub, user_id, items=5, size=1)
    refused(post(hub, ada, tiny_png(9)))
    status, lines = check("--repair")
    assert status == 1 and len(lines) == 1 and lines[0].startswith(f"wrong usage {user_id}: 3 items")
    assert check() == (0, [])
    # From before there were quotas.
    state_keys.forget_count(hub, user_id)
    assert [post(hub, ada, tiny_png(n)).status_code for n in range(20, 23)] == [201, 201, 507]


def test_backups_do_not_count(make_hub, files):
    """A collection has bounds of its own."""
    files.collection("shelf")
    hub = make_hub(*files.options(), "--quota-items", "1", "--quota-bytes", "1k")
    admin = BackupClient(hub)
    for _ in range(2):
        admin.uploaded("shelf", armoured(5000))
    assert post(hub, hub.session(), tiny_png(0)).status_code == 201
