"""GET /media: all filters together, exact totals, cursors that stay where they are, through any gateway
and at once."""
import itertools
import os
import time

import lists
import pytest
import requests
import state_keys
from load import tiny_png
from harness import PATIENCE_S, wait_for
from people import add_user

NAMES = itertools.count()


@pytest.fixture(scope="module")
def hub(make_shared_hub):
    return make_shared_hub("--gateways", "2", "--partitions", "3")


@pytest.fixture
def session(hub):
    """Somebody who has nothing yet."""
    return add_user(hub, f"lister{next(NAMES)}")[1]


def upload(hub, session, **fields):
    answer = session.post(hub.api + "/media/upload", data=fields, timeout=PATIENCE_S,
                          files={"file": ("a.png", tiny_png(next(NAMES)))})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def test_all_filters_together(hub, session):
    """Every combination is what a look at all the records says."""
    made = []
    for i in range(24):
        media = upload(hub, session, title=f"{'Sea' if i % 2 else 'Night'} {i:02}",
                       description="by the beach" if i % 3 == 0 else "",
                       tags=",".join(t for t in ("odd" * (i % 2), "third" * (i % 3 == 0)) if t))
        made.append(media)
    keys = {"created_at": lambda m: (m["created_at"], m["id"]), "title": lambda m: m["title"].lower(),
            "size": lambda m: (m["size"], m["created_at"], m["id"])}
    for tag, q, kind, sort, order in itertools.product(
            (None, "odd", "third", "none"), (None, "sea", "beach nig", "xyz"), (None, "image", "video"),
            keys, ("asc", "desc")):
        expected = [m for m in made if (not tag or tag in m["tags"])
                    and (not kind or m["type"] == kind)
                    and all(any(w.startswith(word) for w in
                                f"{m['title']} {m['description'] or ''}".lower().split())
                            for word in (q or "").split())]
        expected.sort(key=keys[sort], reverse=order == "desc")
        query = {k: v for k, v in dict(tag=tag, q=q, type=kind, sort=sort, order=order).items() if v}
        body = lists.ask(hub, session, per_page=100, **query)
        assert [m["id"] for m in body["data"]] == [m["id"] for m in expected], query
        assert body["meta"]["pagination"]["total"] == len(expected), query


def test_by_time(hub, session):
    ids = [upload(hub, session)["id"] for _ in range(2)]
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for query, found in (({"from": "2020-01-01"}, 2), ({"to": "2020-01-01"}, 0), ({"to": "2999-12-31"}, 2),
                         ({"from": "2020-01-01T00:00:00Z", "to": "2020-02-01T00:00:00+02:00"}, 0),
                         ({"taken_from": "1900-01-01", "taken_to": "1969-12-31"}, 0),
                         ({"taken_from": "1900-01-01", "q": "a", "sort": "taken_at"}, 2)):
        assert lists.total(hub, session, **query) == found, query
    assert lists.total(hub, session, **{"from": today}) in (0, 2)     # midnight may have passed
    assert set(lists.ids(hub, session, **{"from": "2020-01-01", "type": "image"})) == set(ids)
    for bad in ("yesterday", "2020-13-01", "2020-01-01T00:00:00", "", "2020-02-30"):
        answer = session.get(hub.api + "/media", params={"from": bad}, timeout=PATIENCE_S)
        assert answer.status_code == 400, bad
        assert answer.json()["error"]["details"][0]["field"] == "from"


def test_a_list_is_never_older_than_its_request(hub, session):
    """What was answered is there at once, and what was deleted is not, through a new connection to
    whichever gateway takes it."""
    def ask(**query):
        answer = requests.get(hub.api + "/media", headers=session.headers, timeout=PATIENCE_S,
                              params=query)
        assert answer.status_code == 200, answer.text
        return [media["id"] for media in answer.json()["data"]]

    for i in range(30):
        media = upload(hub, session, title=f"Fresh{i}", tags="fresh")
        assert ask()[0] == media["id"]
        assert ask(q=f"fresh{i}") == [media["id"]]
        changed = session.patch(f"{hub.api}/media/{media['id']}", timeout=PATIENCE_S,
                                json={"title": "Stale", "tags": ["other"]})
        assert changed.status_code == 200
        assert ask(q=f"fresh{i}") == [] and media["id"] in ask(tag="other") and ask(tag="fresh") == []
        if i % 3 == 0:
            assert session.delete(f"{hub.api}/media/{media['id']}",
                                  timeout=PATIENCE_S).status_code == 200
            assert media["id"] not in ask() + ask(tag="other") + ask(q="stale")


@pytest.mark.parametrize("sort,order", [("created_at", "desc"), ("created_at", "asc"), ("title", "asc"),
                                        ("size", "desc"), ("taken_at", "asc")])
def test_cursors_while_others_come_and_go(hub, session, sort, order):
    """What is there all the time comes exactly once."""
    steady = {upload(hub, session, title=f"steady {i}")["id"] for i in range(17)}
    passing = [upload(hub, session, title=f"passing {i}")["id"] for i in range(4)]

    def change():
        if passing:
            session.delete(f"{hub.api}/media/{passing.pop()}", timeout=PATIENCE_S)
        upload(hub, session, title=f"new {next(NAMES)}")

    left = itertools.islice(itertools.count(), 6)
    found = lists.ids_by_cursor(hub, session, lambda: change() if next(left, None) is not None else None,
                                per_page=3, sort=sort, order=order)
    assert len(found) == len(set(found)) and steady <= set(found)


def test_cursors_as_links(hub, session):
    made = [upload(hub, session)["id"] for _ in range(3)]
    body = lists.ask(hub, session, cursor="", per_page=2, type="image")
    link = body["meta"]["pagination"]["links"]
    assert body["meta"]["next_cursor"] in link["next"] and link["prev"] is None
    rest = session.get(hub.api + link["next"], timeout=PATIENCE_S).json()
    assert [m["id"] for m in rest["data"]] == made[:1]
    assert rest["meta"]["next_cursor"] is None and rest["meta"]["pagination"]["total"] == 3
    assert lists.ask(hub, session)["meta"]["next_cursor"] is None
    first = body["meta"]["next_cursor"]
    for query in ({"cursor": "nonsense"}, {"cursor": first, "sort": "title"},
                  {"cursor": first, "order": "asc"}, {"cursor": first[:-3]}):
        answer = session.get(hub.api + "/media", params=query, timeout=PATIENCE_S)
        assert answer.status_code == 400, query
        assert answer.json()["error"]["details"][0]["field"] == "cursor"


def test_others_see_nothing_of_it(hub, session):
    mine = upload(hub, session, title="Onlymine", tags="mine")
    stranger = add_user(hub, f"stranger{next(NAMES)}")[1]
    for query in ({}, {"q": "onlymine"}, {"tag": "mine"}, {"q": 'onlymine" OR owner:"1'}):
        assert mine["id"] not in lists.ids(hub, stranger, **query)
    assert stranger.get(hub.api + "/media", params={"scope": "all"}).status_code == 403
    admin = hub.session()
    assert mine["id"] in lists.ids(hub, admin, scope="all", q="onlymine")
    assert lists.ids(hub, admin, q="onlymine") == []
    everybody = lists.ids(hub, admin, scope="all")
    assert lists.total(hub, admin, scope="all") == len(everybody) == len(set(everybody))


def test_totals_beyond_ten_thousand(make_hub):
    """Of 25,000 each is found and counted, in every order: the oldest ones too."""
    hub, many = make_hub(), 25000
    session = hub.session()
    media = upload(hub, session, title="The first", tags="many")
    hub.wait_status(session, media["id"], "ready")
    state_keys.multiply_media(hub, media, many)
    lists.forget_catalogue(hub)
    for query, found in (({}, many + 1), ({"type": "image"}, many + 1), ({"tag": "many"}, many + 1),
                         ({"tag": "many", "type": "image", "sort": "size"}, many + 1),
                         ({"q": "number"}, many), ({"q": "number 17", "tag": "many"}, 1111),
                         ({"q": "number", "to": "2020-09-13T12:28:00Z"}, 80),
                         ({"type": "video"}, 0)):
        assert lists.total(hub, session, **query) == found, query
    for query, title in (({"sort": "size", "order": "asc"}, "Number 1"),
                         ({"sort": "created_at", "order": "asc"}, "Number 1"),
                         ({"sort": "title", "order": "desc"}, "The first"),
                         ({"sort": "size", "order": "asc", "page": many + 1, "per_page": 1},
                          f"Number {many}"),
                         ({"q": "number 24999"}, "Number 24999"), ({"q": "number 3", "page": 1111 * 5,
                                                                    "per_page": 1}, None)):
        data = lists.ask(hub, session, **query)["data"]
        assert (data[0]["title"] if data else None) == title, query
    found = lists.ids_by_cursor(hub, session, per_page=100, sort="title", q="number 1")
    assert len(found) == len(set(found)) == lists.total(hub, session, q="number 1")


# What may become of the catalogue

def overwrite(path, start, n):
    with open(path, "r+b") as f:
        f.seek(start)
        f.write(os.urandom(n))


def harm(hub, how):
    path, = wait_for(lambda: lists.files(hub), "a catalogue")
    wal = path.with_name(path.name + "-wal")
    if how == "file deleted":
        path.unlink()
    elif how == "all deleted":
        for file in path.parent.iterdir():
            file.unlink()
    elif how == "head overwritten":
        overwrite(path, 0, 4096)
    elif how == "all overwritten":
        overwrite(path, 0, path.stat().st_size)
    elif how == "cut off":
        os.truncate(path, path.stat().st_size // 2)
    elif how == "emptied":
        os.truncate(path, 0)
    elif how == "page deleted":
        (hub.data / "run/catalogue").unlink()
    elif how == "log overwritten" and wal.exists():
        overwrite(wal, 0, wal.stat().st_size)


HARMS = ["file deleted", "all deleted", "head overwritten", "all overwritten", "cut off", "emptied",
         "page deleted", "log overwritten"]


@pytest.fixture(scope="module")
def victim(make_shared_hub):
    hub = make_shared_hub("--gateways", "2")
    hub.expect_deaths()
    session = hub.session()
    return hub, session, [upload(hub, session, title=f"kept {i}")["id"] for i in range(30)]


def judge(hub, session, kept):
    """Right, or 503 with Retry-After; in the end right."""
    for query in ({}, {"q": "kept"}, {"type": "image", "sort": "title", "order": "asc"}):
        assert sorted(lists.ids(hub, session, **query)) == sorted(kept), query
        assert lists.total(hub, session, **query) == len(kept)


@pytest.mark.parametrize("how", HARMS)
def test_a_catalogue_that_is_harmed_while_it_runs(victim, how):
    hub, session, kept = victim
    harm(hub, how)
    kept.append(upload(hub, session, title="kept too")["id"])
    judge(hub, session, kept)


@pytest.mark.parametrize("how", ["nothing", *HARMS])
def test_a_catalogue_that_is_harmed_while_it_is_away(victim, how):
    """Its process is killed, and held until the file is harmed and something new is there."""
    hub, session, kept = victim
    wait_for(lambda: lists.files(hub), "a catalogue")   # one that was deleted is missed within a second
    hub.stop()
    harm(hub, how)
    hub.start()
    session.headers["Authorization"] = "Bearer " + hub.login()
    judge(hub, session, kept)
    kept.append(upload(hub, session, title="kept too")["id"])
    judge(hub, session, kept)


def test_a_killed_catalogue(victim):
    """At any moment, while uploads go on: no list leaves out what was answered."""
    hub, session, kept = victim
    for _ in range(8):
        for pid in hub.pids("mediahub-catalogue"):
            os.kill(pid, 9)
        kept.append(upload(hub, session, title="kept killed")["id"])
        judge(hub, session, kept)


def test_a_catalogue_of_another_hub(victim, make_hub):
    hub, session, kept = victim
    other = make_hub()
    upload(other, other.session(), title="kept by others")
    foreign, = lists.files(other)
    wait_for(lambda: lists.files(hub), "a catalogue")
    other.stop()
    hub.stop()
    mine, = lists.files(hub)
    mine.write_bytes(foreign.read_bytes())
    hub.start()
    session.headers["Authorization"] = "Bearer " + hub.login()
    judge(hub, session, kept)


def test_the_history_is_lost(victim):
    """The stream and its head are gone, or begin anew: the records are what counts."""
    hub, session, kept = victim
    state_keys.lose_history(hub)
    kept.append(upload(hub, session, title="kept after")["id"])
    judge(hub, session, kept)


def test_a_state_that_was_emptied(make_hub):
    """Whoever comes back finds nothing of before."""
    hub = make_hub()
    session = hub.session()
    upload(hub, session, title="gone")
    state_keys.redis(hub, "FLUSHALL")
    answer = session.get(hub.api + "/media", timeout=PATIENCE_S)
    assert answer.status_code in (401, 503), answer.text
