"""GET /media/by-hash: the caller's own, whatever others have, exact while media come and go."""
import concurrent.futures
import hashlib
import random

import pytest
import requests
from harness import PATIENCE_S, Hub, wait_for
from load import tiny_png
from people import add_user


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("hash"), ["--gateways", "2"]).start()
    yield hub
    hub.stop()
    hub.check_log()


def upload(hub, session, content):
    answer = requests.post(hub.api + "/media/upload", content, timeout=PATIENCE_S,
                           headers={**session.headers, "Content-Type": "image/png"})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def find(hub, session, sha256):
    """The answer; a 503 says when to come again."""
    def look():
        answer = session.get(f"{hub.api}/media/by-hash/{sha256}", timeout=PATIENCE_S)
        return [answer] if answer.status_code != 503 else None      # one that says no is false
    return wait_for(look, "an answer")[0]


def test_own_records_only(hub):
    ada, bob = add_user(hub, "ada")[1], add_user(hub, "bob")[1]
    admin = hub.session()
    content = tiny_png(1)
    sha256 = hashlib.sha256(content).hexdigest()
    first, second = upload(hub, ada, content), upload(hub, ada, content)
    ada.patch(f"{hub.api}/media/{first['id']}", json={"is_public": True}, timeout=PATIENCE_S)
    for text in (sha256, sha256.upper(), "sha256:" + sha256, first["checksum"]):
        answer = find(hub, ada, text)
        assert answer.status_code == 200 and answer.json()["data"]["id"] == second["id"], answer.text
        assert answer.headers["ETag"]
    unknown = find(hub, ada, "0" * 64)
    assert unknown.status_code == 404
    for other in (bob, admin):
        refused = find(hub, other, sha256)
        assert refused.status_code == 404
        assert refused.json()["error"] == unknown.json()["error"]       # not a word of what others have
    assert requests.get(f"{hub.api}/media/by-hash/{sha256}", timeout=PATIENCE_S).status_code == 401
    for bad in ("x", sha256[:-1], sha256 + "0", "g" * 64, "md5:" + sha256, "sha256:", "content", sha256[:-1] + "%20"):
        answer = find(hub, ada, bad)
        assert answer.status_code == 400 and answer.json()["error"]["details"][0]["field"] == "sha256", bad
    own = upload(hub, bob, content)
    assert find(hub, bob, sha256).json()["data"]["id"] == own["id"]
    for gone, left in ((second, first), (first, None)):
        ada.delete(f"{hub.api}/media/{gone['id']}", timeout=PATIENCE_S)
        answer = find(hub, ada, sha256)
        assert answer.json()["data"]["id"] == left["id"] if left else answer.status_code == 404
    assert find(hub, bob, sha256).json()["data"]["id"] == own["id"]


def test_while_media_come_and_go(hub):
    """What was answered counts for the next question, through whichever gateway."""
    users = [add_user(hub, f"user{n}")[1] for n in range(4)]
    contents = [tiny_png(100 + n) for n in range(3)]

    def work(number):
        session, rng, mine = users[number], random.Random(number), {content: [] for content in contents}
        for _ in range(40):
            content = rng.choice(contents)
            if mine[content] and rng.random() < 0.5:
                gone = mine[content].pop(rng.randrange(len(mine[content])))
                assert requests.delete(f"{hub.api}/media/{gone}", headers=session.headers,
                                       timeout=PATIENCE_S).status_code == 200
            else:
                mine[content].append(upload(hub, session, content)["id"])
            answer = find(hub, session, hashlib.sha256(content).hexdigest())
            if mine[content]:
                assert answer.status_code == 200 and answer.json()["data"]["id"] == mine[content][-1]
            else:
                assert answer.status_code == 404
        return True

    with concurrent.futures.ThreadPoolExecutor(len(users)) as pool:
        assert all(pool.map(work, range(len(users))))
