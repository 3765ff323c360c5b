"""Collections: media in an order of their own, which all that is said of them agrees on, whoever changes
what at the same time."""
import concurrent.futures
import itertools
import json
import os
import random
import signal
import uuid

import lists
import pytest
import requests
import state_keys
from harness import PATIENCE_S, SANITIZED, wait_for
from load import tiny_png
from people import add_user
from race import FEW, together
from socket_client import SocketClient
from tus_client import Tus, metadata

NAMES = itertools.count()


class Person:
    """Somebody with media and collections."""

    def __init__(self, hub, session, user_id=None):
        self.hub, self.session, self.id = hub, session, user_id

    def call(self, method, path, status=200, headers=None, **arguments):
        answer = self.session.request(method, self.hub.api + path, timeout=PATIENCE_S, headers=headers, **arguments)
        assert status is None or answer.status_code == status, (answer.status_code, answer.text)
        return answer

    def upload(self, status=201, **fields):
        answer = self.session.post(self.hub.api + "/media/upload", data=fields, timeout=PATIENCE_S,
                                   files={"file": ("a.png", tiny_png(next(NAMES)))})
        assert answer.status_code == status, answer.text
        return answer.json()["data"]["id"] if status == 201 else answer

    def make(self, **body):
        return self.call("POST", "/collections", 201, json={"name": "Sea", **body}).json()["data"]["id"]

    def get(self, collection):
        return self.call("GET", f"/collections/{collection}").json()["data"]

    def add(self, collection, *ids, status=200):
        return self.call("POST", f"/collections/{collection}/media", status, json={"media_ids": ids})

    def remove(self, collection, media, status=200):
        return self.call("DELETE", f"/collections/{collection}/media/{media}", status)

    def move(self, collection, *ids, status=200, **place):
        return self.call("PATCH", f"/collections/{collection}/media", status, json={"media_ids": ids, **place})

    def page(self, collection, **query):
        return self.call("GET", f"/collections/{collection}/media", params=query).json()

    def members(self, collection):
        found, page = [], 1
        while True:
            body = self.page(collection, per_page=100, page=page)
            found += [media["id"] for media in body["data"]]
            if page >= body["meta"]["pagination"]["total_pages"]:
                assert body["meta"]["pagination"]["total"] == len(found)
                return found
            page += 1

    def filtered(self, collection, **query):
        return set(lists.ids(self.hub, self.session, collection_id=collection, **query))


@pytest.fixture(scope="module")
def hub(make_shared_hub):
    return make_shared_hub("--gateways", "2", "--partitions", "3", "--quota-text", "1k",
                           "--collections-per-account", "105")


@pytest.fixture(scope="module")
def one(make_shared_hub):
    """With one partition, whose keys tests may write."""
    return make_shared_hub()


def person(hub):
    user_id, session = add_user(hub, "u" + uuid.uuid4().hex[:12])
    return Person(hub, session, user_id)


@pytest.fixture
def ann(hub):
    yield person(hub)
    assert state_keys.disagreements(hub) == []


@pytest.fixture
def bob(hub):
    return person(hub)


def fields(answer):
    return [detail["field"] for detail in answer.json()["error"]["details"]]


def test_a_life(hub, ann, bob):
    made = ann.call("POST", "/collections", 201, json={"name": "Sea", "description": "Blue."})
    collection = made.json()["data"]
    path = f"/collections/{collection['id']}"
    assert made.headers["Location"] == "/api/v1" + path
    assert collection == {**collection, "name": "Sea", "description": "Blue.", "media_count": 0, "user_id": ann.id,
                          "cover_media_id": None, "is_public": False}
    read = ann.call("GET", path)
    assert read.json()["data"] == collection and read.headers["ETag"] == made.headers["ETag"]
    ann.call("GET", path, 304, headers={"If-None-Match": read.headers["ETag"]})

    changed = ann.call("PATCH", path, json={"description": None, "name": "Lake"}, headers={
        "If-Match": read.headers["ETag"]})
    assert changed.json()["data"] == {**collection, "name": "Lake", "description": None,
                                      "updated_at": changed.json()["data"]["updated_at"]}
    for method in ("PATCH", "DELETE"):
        ann.call(method, path, 412, headers={"If-Match": read.headers["ETag"]}, **(
            {"json": {"name": "x"}} if method == "PATCH" else {}))
    # What is in it is a part of its state.
    ann.add(collection["id"], ann.upload())
    ann.call("PATCH", path, 412, json={"name": "x"}, headers={"If-Match": changed.headers["ETag"]})

    for method, sub, body in (("GET", "", None), ("PATCH", "", {"name": "Mine"}), ("DELETE", "", None),
                              ("GET", "/media", None), ("POST", "/media", {"media_id": "media_x"}),
                              ("PATCH", "/media", {"media_id": "media_x", "position": 1}),
                              ("DELETE", "/media/media_x", None)):
        bob.call(method, path + sub, 404, json=body)
    assert ann.call("DELETE", path).json()["data"] == {"id": collection["id"], "deleted": True}
    ann.call("DELETE", path, 404)
    ann.call("GET", "/media", 404, params={"collection_id": collection["id"]})


def test_newest_first_and_counted(hub, ann):
    made = [ann.make(name=f"number {i}") for i in range(7)]
    body = ann.call("GET", "/collections", params={"per_page": 3, "page": 2}).json()
    assert [c["id"] for c in body["data"]] == made[::-1][3:6]
    assert body["meta"]["pagination"] == {"total": 7, "count": 3, "per_page": 3, "current_page": 2, "total_pages": 3,
                                          "links": {"next": "/collections?page=3&per_page=3",
                                                    "prev": "/collections?page=1&per_page=3"}}
    assert ann.call("GET", "/collections", params={"page": 9}).json()["data"] == []


BOUNDS = [
    # body of POST, status, field
    ({"name": "n" * 255}, 201, None), ({"name": "n" * 256}, 400, "name"), ({"name": ""}, 400, "name"),
    ({"name": "two\nlines"}, 400, "name"), ({}, 400, "name"), ({"name": None}, 400, "name"),
    ({"name": "א🌊é"}, 201, None), ({"name": "x", "description": None}, 201, None),
    ({"name": "x", "description": "d" * 1023}, 201, None), ({"name": "x", "description": "d" * 1024}, 413, None),
    ({"name": "x", "description": "d" * 10001}, 400, "description"), ({"name": "x", "is_public": 1}, 400, "is_public"),
    ({"name": "x", "cover_media_id": None}, 400, "cover_media_id"), ({"name": "x", "more": 1}, 400, "more"),
]


@pytest.mark.parametrize("body,status,field", BOUNDS)
def test_bounds_of_texts(ann, body, status, field):
    answer = ann.call("POST", "/collections", status, json=body)
    assert field is None or fields(answer) == [field]
    if status == 201:
        assert answer.json()["data"]["name"] == body["name"]
    elif status == 413:
        ann.call("PATCH", f"/collections/{ann.make()}", 413, json=body)


def test_members_keep_their_order(hub, ann):
    collection = ann.make()
    ids = [ann.upload(title=f"Number {i}", tags="odd" if i % 2 else "") for i in range(6)]
    assert ann.add(collection, ids[3], ids[1], ids[3]).json()["data"]["media_count"] == 2
    ann.call("POST", f"/collections/{collection}/media", json={"media_id": ids[5]})
    ann.add(collection, ids[0], ids[1], ids[2])
    assert ann.members(collection) == [ids[i] for i in (3, 1, 5, 0, 2)]
    body = ann.page(collection, per_page=2, page=2)
    assert [m["id"] for m in body["data"]] == [ids[5], ids[0]]
    assert body["meta"]["pagination"]["links"]["next"] == f"/collections/{collection}/media?page=3&per_page=2"
    assert ann.filtered(collection) == {ids[i] for i in (0, 1, 2, 3, 5)}
    assert ann.filtered(collection, tag="odd", q="number") == {ids[1], ids[3], ids[5]}
    assert ann.filtered(collection, q="nothing") == set()

    assert ann.remove(collection, ids[1]).json()["data"] == {"id": ids[1], "deleted": True}
    ann.remove(collection, ids[1], status=404)
    ann.call("GET", f"/media/{ids[1]}")                         # it stays
    ann.call("DELETE", f"/media/{ids[3]}")
    assert ann.members(collection) == [ids[5], ids[0], ids[2]]
    assert ann.filtered(collection) == {ids[5], ids[0], ids[2]}
    assert ann.get(collection)["media_count"] == 3


def test_what_cannot_be_added(hub, ann, bob):
    collection, own, other = ann.make(), ann.upload(), bob.upload()
    bob.call("PATCH", f"/media/{other}", json={"is_public": True})
    for unknown in ("media_x", other, collection, "media_01H1QW8N5JZJ00X4Q2K7B3C9D6", "{p0}:x"):
        assert fields(ann.add(collection, own, unknown, status=404)) == ["media_ids"]
    for body in ({}, {"media_ids": []}, {"media_ids": [own], "media_id": own}, {"media_ids": [""]}, {"media_id": ""},
                 {"media_ids": [own] * 1001}, {"media_ids": own}, {"media_ids": [1]}, {"media_ids": ["x" * 65]}):
        ann.call("POST", f"/collections/{collection}/media", 400, json=body)
    assert ann.members(collection) == []
    ann.add(collection, *[own] * 1000)
    assert ann.members(collection) == [own]
    ann.add("col_01H1QW8N5JZJ00X4Q2K7B3C9D6", own, status=404)
    admin = Person(hub, hub.session())
    assert admin.call("GET", f"/collections/{collection}").json()["data"]["media_count"] == 1
    admin.add(collection, other, status=404)                  # of its owner only, whoever asks


def test_uploads_into_a_collection(hub, ann, bob):
    collection, others = ann.make(), bob.make(is_public=True)
    first = ann.upload(collection_id=collection)
    raw = ann.call("POST", "/media/upload", 201, data=tiny_png(next(NAMES)), headers={"Content-Type": "image/png"},
                   params={"collection_id": collection, "filename": "b.png"}).json()["data"]["id"]
    assert ann.members(collection) == [first, raw]
    assert ann.filtered(collection) == {first, raw}
    for wrong in (others, "col_x", first):
        assert fields(ann.upload(404, collection_id=wrong)) == ["collection_id"]
    assert lists.total(hub, ann.session) == 2
    key = {"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "image/png"}
    again = [ann.call("POST", "/media/upload", 201, data=tiny_png(10**6), headers=key, params={
        "collection_id": collection}).json()["data"]["id"] for _ in range(2)]
    assert again[0] == again[1] and ann.members(collection) == [first, raw, again[0]]
    ann.call("POST", "/media/upload", 422, data=tiny_png(10**6), headers=key, params={"collection_id": others})


def test_resumed_uploads_into_a_collection(hub, ann, bob):
    tus = Tus(hub, ann.session.headers["Authorization"].split()[1])
    collection, gone, others = ann.make(), ann.make(), bob.make()
    body = tiny_png(next(NAMES))

    def begin(collection, status=201):
        return tus.create(len(body), status, Upload_Metadata=metadata(filename="a.png", collection_id=collection))

    begin(others, 404)
    for place, expected in ((collection, [collection]), (gone, [])):
        upload = begin(place)
        if place == gone:                                     # nobody could tell the client, who has sent it all
            ann.call("DELETE", f"/collections/{gone}")
        media = tus.patch(upload, 0, body)["Media-Id"]
        assert [c for c in (collection,) if media in ann.members(c)] == expected


def test_moving(ann):
    """Any move gives what the same move of a list gives, also where there is no room left between two."""
    draw = random.Random(3)
    collection, ids = ann.make(), [ann.upload() for _ in range(12)]
    ann.call("PATCH", f"/media/{ids[4]}", json={"is_public": True})
    ann.add(collection, *ids)
    wanted = list(ids)
    for turn in range(20 if SANITIZED else 60):
        moved = draw.sample(ids, draw.randint(1, 3))
        rest = [m for m in wanted if m not in moved]
        kind = draw.choice(("before", "after", "position")) if turn % 3 else "after"
        if kind == "position":
            place = draw.randint(1, 14)
            at = place - 1
        else:
            place = draw.choice(rest) if turn % 3 else rest[0]
            at = rest.index(place) + (kind == "after")
        ann.move(collection, *moved, **{kind: place})
        wanted = rest[:at] + moved + rest[at:]
        assert ann.members(collection) == wanted, (turn, kind, place, moved)
    for _ in range(30):                                       # 2^20 is halved away after 20
        wanted = [wanted[0], wanted[-1], *wanted[1:-1]]
        ann.move(collection, wanted[1], after=wanted[0])
    assert ann.members(collection) == wanted


def test_moves_that_cannot_be(ann):
    collection, ids = ann.make(), [ann.upload() for _ in range(3)]
    ann.add(collection, *ids[:2])
    ann.move(collection, ids[2], status=404, position=1)
    ann.move(collection, ids[0], status=404, after=ids[2])
    ann.move(collection, ids[0], "media_x", status=404, position=1)
    for place in ({}, {"position": 0}, {"position": 100001}, {"position": 1, "after": ids[1]}, {"after": ids[0]},
                  {"before": ""}, {"position": "first"}):
        ann.move(collection, ids[0], status=400, **place)
    ann.move(collection, ids[0], ids[0], status=400, position=1)
    ann.move(collection, *[f"media_{i}" for i in range(501)], status=400, position=1)
    ann.move(collection, *[f"media_{i}" for i in range(500)], status=404, position=1)
    ann.move(collection, ids[0], position=100000)
    assert ann.members(collection) == [ids[1], ids[0]]


def test_cover(ann):
    collection, ids = ann.make(), [ann.upload() for _ in range(3)]
    path = f"/collections/{collection}"

    def choose(cover, status=200):
        return ann.call("PATCH", path, status, json={"cover_media_id": cover})

    assert fields(choose(ids[0], 400)) == ["cover_media_id"]
    ann.add(collection, *ids)
    assert ann.get(collection)["cover_media_id"] == ids[0]       # the first one, where none is chosen
    assert choose(ids[1]).json()["data"]["cover_media_id"] == ids[1]
    ann.move(collection, ids[2], position=1)
    assert ann.get(collection)["cover_media_id"] == ids[1]
    ann.remove(collection, ids[1])
    assert ann.get(collection)["cover_media_id"] == ids[2]
    ann.add(collection, ids[1])
    assert ann.get(collection)["cover_media_id"] == ids[2]       # it is not chosen any more
    choose(ids[0])
    ann.call("DELETE", f"/media/{ids[0]}")
    assert ann.get(collection)["cover_media_id"] == ids[2]
    choose(ids[1])
    assert choose(None).json()["data"]["cover_media_id"] == ids[2]
    for wrong in ("x" * 64, "x" * 65, ""):
        assert fields(choose(wrong, 400)) == ["cover_media_id"]


def test_others_see_the_public_part_of_a_public_collection(hub, ann, bob):
    collection, ids = ann.make(), [ann.upload() for _ in range(4)]
    path = f"/collections/{collection}"
    ann.add(collection, *ids)
    for public in ids[1], ids[3]:
        ann.call("PATCH", f"/media/{public}", json={"is_public": True})
    bob.call("GET", path, 404)
    ann.call("PATCH", path, json={"is_public": True, "cover_media_id": ids[0]})
    assert bob.members(collection) == [ids[1], ids[3]] and ann.members(collection) == ids
    seen = bob.get(collection)
    assert (seen["media_count"], seen["cover_media_id"]) == (2, ids[1])
    assert ann.get(collection)["media_count"] == 4
    bob.call("PATCH", path, 403, json={"name": "x"})
    bob.add(collection, bob.upload(), status=403)
    ann.move(collection, ids[3], before=ids[0])
    assert bob.members(collection) == [ids[3], ids[1]]
    ann.call("PATCH", f"/media/{ids[3]}", json={"is_public": False})
    assert bob.members(collection) == [ids[1]]
    ann.remove(collection, ids[1])
    assert bob.members(collection) == [] and bob.get(collection)["cover_media_id"] is None
    assert bob.call("GET", "/collections").json()["data"] == []     # a list is of one's own
    assert lists.ids(hub, bob.session, collection_id=collection) == []
    ann.call("PATCH", path, json={"is_public": False})
    bob.call("GET", path, 404)


def test_what_is_told(hub, ann, make_receiver):
    receiver = make_receiver()
    ann.call("POST", "/webhooks", 201, json={"url": receiver.url, "events": ["*"]})
    socket = SocketClient(hub, ann.session.headers["Authorization"].split()[1], ("collection_updates",))
    collection = ann.make(name="Told")
    made = socket.wait_event("collection.created", collection)
    assert made["data"] == {"id": collection, "type": "collection", "user_id": ann.id}
    first = ann.upload(collection_id=collection)
    assert socket.wait_event("collection.media.added", collection)["changes"] == {"media_ids": [first]}
    second, third = ann.upload(), ann.upload()
    ann.add(collection, third, first, second)
    assert socket.wait_event("collection.media.added", collection)["changes"] == {"media_ids": [third, second]}
    ann.move(collection, second, position=1)
    assert socket.wait_event("collection.media.moved", collection)["changes"] == {"media_ids": [second]}
    ann.call("PATCH", f"/collections/{collection}", json={"name": "New"})
    assert socket.wait_event("collection.updated", collection)["changes"] == {"name": "New", "is_public": False}
    ann.remove(collection, first)
    assert socket.wait_event("collection.media.removed", collection)["changes"] == {"media_ids": [first]}
    ann.call("DELETE", f"/media/{second}")
    assert socket.wait_event("collection.media.removed", collection)["changes"] == {"media_ids": [second]}
    ann.call("DELETE", f"/collections/{collection}")
    socket.wait_event("collection.deleted", collection)
    socket.close()
    wait_for(lambda: "media.deleted" in receiver.events() and "collection.created" in receiver.events(), "webhooks")
    with receiver.lock:
        told = [json.loads(r["body"]) for r in receiver.received]
    assert [e["data"] for e in told if e["event"].startswith("collection")] == [made["data"]]


def test_a_deleted_collection_is_forgotten(hub, ann):
    kept, gone = ann.make(), ann.make()
    ids = [ann.upload(collection_id=gone) for _ in range(3)]
    ann.add(kept, *ids)
    ann.call("DELETE", f"/collections/{gone}")
    ann.call("DELETE", f"/media/{ids[0]}")
    ann.add(gone, ids[1], status=404)
    assert fields(ann.upload(404, collection_id=gone)) == ["collection_id"]
    wait_for(lambda: gone not in state_keys.collections_named(hub), "the records to forget it")
    assert ann.members(kept) == ids[1:] and ann.filtered(kept) == set(ids[1:])


def test_an_account_has_so_many(ann):
    together(*[lambda: [ann.call("POST", "/collections", None, json={"name": "x"}) for _ in range(40)]
               for _ in range(3)])
    assert ann.call("GET", "/collections").json()["meta"]["pagination"]["total"] == 105
    refused = ann.call("POST", "/collections", 507, json={"name": "x"})
    assert "105 collections" in refused.json()["error"]["message"]
    found = [c["id"] for page in (1, 2) for c in
             ann.call("GET", "/collections", params={"per_page": 100, "page": page}).json()["data"]]
    media = ann.upload()
    for collection in found[:100]:
        ann.add(collection, media)
    assert media in ann.add(found[100], media, status=507).json()["error"]["message"]
    ann.call("DELETE", f"/collections/{found[0]}")
    ann.make()
    ann.call("DELETE", f"/media/{media}")                      # leaves all of them in one commit
    assert ann.members(found[1]) == []


def test_made_once_under_a_key(ann):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (ann.call("POST", "/collections", 201, json={"name": "Once"}, headers=key) for _ in range(2))
    assert first.json()["data"] == second.json()["data"]
    ann.call("POST", "/collections", 422, json={"name": "Other"}, headers=key)
    answers = together(*[lambda: ann.call("POST", "/collections", None, json={"name": "Many"}, headers={
        "Idempotency-Key": "many"}) for _ in range(6)])
    assert {a.json()["data"]["id"] for a in answers if a.status_code == 201}.__len__() == 1
    assert ann.call("GET", "/collections").json()["meta"]["pagination"]["total"] == 2


# At the same time

def test_two_additions_both_hold(ann):
    for _ in range(FEW):
        collection, ids = ann.make(), [ann.upload() for _ in range(4)]
        together(lambda: ann.add(collection, *ids[:3]), lambda: ann.add(collection, *ids[1:]),
                 lambda: ann.upload(collection_id=collection))
        found = ann.members(collection)
        assert len(found) == 5 and set(ids) < set(found)
        assert ann.get(collection)["media_count"] == 5 and ann.filtered(collection) == set(found)


def test_one_media_into_many_collections(ann):
    media, made = ann.upload(), [ann.make() for _ in range(6)]
    together(*[lambda c=c: ann.add(c, media) for c in made])
    assert all(ann.members(c) == [media] for c in made)


def test_an_addition_beside_the_end_of_the_media(ann):
    for _ in range(FEW):
        collection, (kept, gone) = ann.make(), [ann.upload() for _ in range(2)]
        added, deleted = together(
            lambda: ann.call("POST", f"/collections/{collection}/media", None, json={"media_ids": [kept, gone]}),
            lambda: ann.call("DELETE", f"/media/{gone}", None))
        assert deleted.status_code == 200 and added.status_code in (200, 404)
        assert ann.members(collection) == ([kept] if added.ok else [])
        assert ann.filtered(collection) == set(ann.members(collection))


def test_an_addition_beside_the_end_of_the_collection(hub, ann):
    made = []
    for _ in range(FEW):
        collection, media = ann.make(), ann.upload()
        made.append(collection)
        added, uploaded, deleted = together(
            lambda: ann.call("POST", f"/collections/{collection}/media", None, json={"media_id": media}),
            lambda: ann.session.post(ann.hub.api + "/media/upload", data={"collection_id": collection},
                                     files={"file": ("a.png", tiny_png(next(NAMES)))}, timeout=PATIENCE_S),
            lambda: ann.call("DELETE", f"/collections/{collection}", None))
        assert deleted.status_code == 200 and added.status_code in (200, 404)
        assert uploaded.status_code in (201, 404)
        ann.call("GET", f"/collections/{collection}", 404)
    wait_for(lambda: not set(made) & set(state_keys.collections_named(hub)), "the records to forget them")
    assert lists.total(hub, ann.session) >= FEW


def test_a_move_beside_a_removal(ann):
    for _ in range(FEW):
        collection, ids = ann.make(), [ann.upload() for _ in range(4)]
        ann.add(collection, *ids)
        moved, removed = together(
            lambda: ann.call("PATCH", f"/collections/{collection}/media", None,
                             json={"media_ids": [ids[2], ids[1]], "before": ids[0]}),
            lambda: ann.call("DELETE", f"/collections/{collection}/media/{ids[1]}", None))
        assert removed.status_code == 200 and moved.status_code in (200, 404)
        assert ann.members(collection) == ([ids[2], ids[0], ids[3]] if moved.ok else [ids[0], ids[2], ids[3]])


def test_a_cover_beside_its_removal(ann):
    for _ in range(FEW):
        collection, ids = ann.make(), [ann.upload() for _ in range(2)]
        ann.add(collection, *ids)
        chosen, removed = together(
            lambda: ann.call("PATCH", f"/collections/{collection}", None, json={"cover_media_id": ids[1]}),
            lambda: ann.call("DELETE", f"/collections/{collection}/media/{ids[1]}", None))
        assert removed.status_code == 200 and chosen.status_code in (200, 400)
        assert ann.get(collection)["cover_media_id"] == ids[0]
        ann.add(collection, ids[1])
        assert ann.get(collection)["cover_media_id"] == ids[0]


def test_publicity_beside_an_addition(ann, bob):
    for i in range(FEW):
        collection, media = ann.make(is_public=True), ann.upload()
        together(lambda: ann.add(collection, media),
                 lambda: ann.call("PATCH", f"/media/{media}", json={"is_public": True}))
        assert bob.members(collection) == [media]


# Many

@pytest.fixture
def rich(one):
    """The one with more media than there is time to upload: records alone."""
    eve = Person(one, one.session())
    yield eve
    assert state_keys.disagreements(one) == []


def copies(eve, n):
    media = eve.call("GET", f"/media/{eve.upload()}").json()["data"]
    eve.hub.wait_status(eve.session, media["id"], "ready")
    found = []
    while len(found) < n:
        found += state_keys.multiply_media(eve.hub, media, min(n - len(found), 5000), len(found))
    return found


def answers(eve, collection):
    try:
        return eve.call("GET", f"/collections/{collection}", None).ok
    except requests.RequestException:
        return False


def test_a_death_in_the_middle_of_an_addition(rich):
    """Every media is in both or in neither, and the same request again adds the rest."""
    ids = copies(rich, 1000)
    rich.hub.expect_deaths()
    for _ in range(2 if SANITIZED else 4):
        collection = rich.make()

        def send():
            try:
                return rich.call("POST", f"/collections/{collection}/media", None, json={"media_ids": ids})
            except requests.RequestException:
                return None

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(send)
            wait_for(lambda: state_keys.members(rich.hub, collection), "the first of them")
            gateway, = rich.hub.pids("mediahub-gateway")
            os.kill(gateway, signal.SIGKILL)
            sent.result()
        wait_for(lambda: rich.hub.pids("mediahub-gateway") not in ([], [gateway]), "another gateway")
        wait_for(lambda: answers(rich, collection), "an answer")
        assert state_keys.disagreements(rich.hub) == []
        wait_for(lambda: send() is not None, "the rest")
        assert rich.members(collection) == ids
        assert rich.filtered(collection) == set(ids)
        rich.call("DELETE", f"/collections/{collection}")
    wait_for(lambda: not state_keys.collections_left(rich.hub), "the records to forget them")


MANY = 5000 if SANITIZED else 100000


def test_a_hundred_thousand(one):
    """The hub is stopped while the records are still forgetting it."""
    rich = Person(one, one.session())
    collection, ids = rich.make(), copies(rich, MANY + 1)
    for start in range(0, MANY, 1000):
        answer = rich.add(collection, *ids[start:start + 1000])
    assert answer.json()["data"]["media_count"] == MANY
    if not SANITIZED:
        full = rich.add(collection, ids[MANY], status=507)
        assert "100000 media" in full.json()["error"]["message"]
        rich.upload(507, collection_id=collection)
    rich.move(collection, ids[MANY - 1], position=MANY // 2)
    last = rich.page(collection, per_page=100, page=MANY // 100)
    assert [m["id"] for m in last["data"]] == ids[MANY - 101:MANY - 1]
    half = rich.page(collection, per_page=1, page=MANY // 2)
    assert half["data"][0]["id"] == ids[MANY - 1] and half["meta"]["pagination"]["total"] == MANY
    assert lists.total(rich.hub, rich.session, collection_id=collection) == MANY
    assert lists.total(rich.hub, rich.session, collection_id=collection, q="number 777") > 0
    rich.call("DELETE", f"/collections/{collection}")
    rich.call("GET", "/media", 404, params={"collection_id": collection})
