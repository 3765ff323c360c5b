"""Every operation that changes a record beside every other that changes the same one: what was
answered with 2xx holds, whoever came second."""
import itertools

import pytest
import requests
import state_keys
from harness import PATIENCE_S, SAMPLES, SANITIZED, wait_for
from race import FEW, ROUNDS, race, together
from test_webhooks import signatures

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def shared_hub(make_shared_hub):
    return make_shared_hub()


class Person:
    """An account and its changes."""

    def __init__(self, hub, name):
        self.hub, self.password = hub, PASSWORD
        answer = hub.session().post(hub.api + "/auth/register", timeout=PATIENCE_S, json={
            "username": name, "email": f"{name}@example.com", "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.name = name
        self.token = hub.login(name, PASSWORD)
        self.sessions = [hub.session(self.token), hub.session(self.token)]

    def look(self):
        return self.sessions[0].get(self.hub.api + "/users/me", timeout=PATIENCE_S).json()["data"]

    def patch(self, side, **body):
        return self.sessions[side].patch(self.hub.api + "/users/me", json=body, timeout=PATIENCE_S)

    def field(self, side, name, value):
        return (lambda: self.patch(side, **{name: value})), (lambda record: record[name] == value)

    def change_password(self, side, value):
        proved = self.password

        def call():
            answer = self.patch(side, password=value, current_password=proved)
            if answer.ok:
                self.password = value
            return answer
        return call, lambda record: self.password == value

    def logs_in(self, password):
        answer = requests.post(self.hub.api + "/auth/login", timeout=PATIENCE_S,
                               json={"username": self.name, "password": password})
        return answer.status_code == 200


def test_a_new_password_beside_profile_edits(shared_hub):
    """Each round proves the password of the one before, so none of them may have been undone."""
    ann = Person(shared_hub, "ann")
    refused = race(ROUNDS, lambda i: ann.change_password(0, f"password number {i}"),
                   lambda i: ann.field(1, "full_name", f"Ann the {i}."), ann.look)
    assert refused == 0
    assert ann.logs_in(f"password number {ROUNDS - 1}") and not ann.logs_in(PASSWORD)


ACCOUNT_CHANGES = {
    "email": lambda person, side, i: person.field(side, "email", f"{person.name}{i}{side}@x.org"),
    "full_name": lambda person, side, i: person.field(side, "full_name", f"name {i}"),
    "avatar_url": lambda person, side, i: person.field(side, "avatar_url", f"https://x.org/{i}"),
    "password": lambda person, side, i: person.change_password(side, f"password {i}"),
}


@pytest.mark.parametrize("one,two", itertools.combinations(ACCOUNT_CHANGES, 2))
def test_changes_of_an_account(shared_hub, one, two):
    bob = Person(shared_hub, f"bob_{one}_{two}")
    refused = race(FEW, lambda i: ACCOUNT_CHANGES[one](bob, 0, i),
                   lambda i: ACCOUNT_CHANGES[two](bob, 1, i), bob.look)
    assert refused == 0
    assert bob.logs_in(bob.password)


def test_of_two_new_passwords_one_is_refused(shared_hub):
    eve = Person(shared_hub, "eve")
    refused = race(FEW, lambda i: eve.change_password(0, f"left one {i}"),
                   lambda i: eve.change_password(1, f"right one {i}"),
                   lambda: None, refusals=(400, 409))
    assert refused == FEW
    assert eve.logs_in(eve.password)


def test_two_people_want_one_address(shared_hub):
    """One of them gets it; nobody's record or address is lost on the way."""
    ann, bob = Person(shared_hub, "want_a"), Person(shared_hub, "want_b")
    for i in range(FEW):
        address = f"one{i}@example.org"
        changes = [ann.field(0, "email", address), bob.field(0, "email", address)]
        refused = race(1, lambda _: changes[0], lambda _: changes[1],
                       lambda: {"email": address})
        assert refused == 1
        owners = [person for person in (ann, bob) if person.look()["email"] == address]
        assert len(owners) == 1
        answer = requests.post(shared_hub.api + "/auth/login", timeout=PATIENCE_S,
                               json={"username": address, "password": PASSWORD})
        assert answer.json()["token"]


@pytest.fixture(scope="module")
def picture(shared_hub):
    """The id of an admin's media whose thumbnails are made."""
    session = shared_hub.session()
    media = shared_hub.upload(session, SAMPLES / "pic2/IMG_20200124_231153.jpg").json()["data"]
    return shared_hub.wait_status(session, media["id"], "ready")["id"]


class Hook:
    """An endpoint and its changes, two clients of its owner, and a receiver that it posts to."""

    def __init__(self, hub, receiver, sessions):
        self.hub, self.receiver, self.sessions = hub, receiver, sessions
        created = self.post(0, "", url=receiver.url, events=["media.updated"])
        assert created.status_code == 201, created.text
        self.id, self.secret = created.json()["data"]["id"], created.json()["data"]["secret"]

    def post(self, side, path, **body):
        return self.sessions[side].post(f"{self.hub.api}/webhooks{path}", json=body or None,
                                        timeout=PATIENCE_S)

    def look(self):
        answer = self.sessions[0].get(f"{self.hub.api}/webhooks/{self.id}", timeout=PATIENCE_S)
        return answer.json()["data"]

    def field(self, side, name, value):
        def call():
            return self.sessions[side].patch(f"{self.hub.api}/webhooks/{self.id}",
                                             json={name: value}, timeout=PATIENCE_S)
        return call, lambda record: record[name] == value

    def rotate(self, side):
        def call():
            answer = self.post(side, f"/{self.id}/rotate-secret")
            if answer.ok:
                self.secret = answer.json()["data"]["secret"]
            return answer
        return call, lambda record: True

    def signs_with_its_secret(self, picture):
        """The next event is signed by the newest secret first."""
        seen = len(self.receiver.received)
        changed = self.sessions[0].patch(f"{self.hub.api}/media/{picture}", timeout=PATIENCE_S,
                                         json={"title": "A title"})
        assert changed.status_code == 200, changed.text
        wait_for(lambda: len(self.receiver.received) > seen, "a delivery")
        received = self.receiver.received[seen]
        return received["headers"]["webhook-signature"].startswith(
            signatures(received, self.secret)[0])


@pytest.fixture
def hook(shared_hub, make_receiver):
    token = shared_hub.login()
    hook = Hook(shared_hub, make_receiver(),
                [shared_hub.session(token), shared_hub.session(token)])
    yield hook
    hook.sessions[0].delete(f"{shared_hub.api}/webhooks/{hook.id}", timeout=PATIENCE_S)


def test_a_new_secret_beside_edits_of_the_webhook(hook, picture):
    for i in range(ROUNDS):
        assert race(1, lambda _: hook.rotate(0),
                    lambda _: hook.field(1, "description", f"edit {i}"), hook.look) == 0
        assert hook.signs_with_its_secret(picture)


WEBHOOK_CHANGES = {
    "url": lambda hook, side, i: hook.field(side, "url", f"{hook.receiver.url}/{i}"),
    "events": lambda hook, side, i: hook.field(
        side, "events", ["media.updated", ("media.failed", "media.ready")[i % 2]]),
    "description": lambda hook, side, i: hook.field(side, "description", f"description {i}"),
    "active": lambda hook, side, i: hook.field(side, "active", bool(i % 2)),
    "secret": lambda hook, side, i: hook.rotate(side),
}


@pytest.mark.parametrize("one,two", itertools.combinations(WEBHOOK_CHANGES, 2))
def test_changes_of_a_webhook(hook, picture, one, two):
    assert race(FEW, lambda i: WEBHOOK_CHANGES[one](hook, 0, i),
                lambda i: WEBHOOK_CHANGES[two](hook, 1, i), hook.look) == 0
    if hook.look()["active"]:
        assert hook.signs_with_its_secret(picture)


def test_a_webhook_is_disabled_beside_edits(shared_hub, make_receiver):
    """410 ends the endpoint; an edit at the same time neither undoes that nor is it lost."""
    token = shared_hub.login()
    sessions = [shared_hub.session(token), shared_hub.session(token)]
    for i in range(FEW):
        receiver = make_receiver(lambda n: 410)
        hook = Hook(shared_hub, receiver, sessions)
        assert hook.post(0, f"/{hook.id}/test").status_code == 202
        n = 0
        while hook.look()["active"]:
            edited = hook.field(1, "description", f"edit {n}")[0]()
            assert edited.status_code == 200, edited.text
            n += 1
        after = hook.look()
        assert not after["active"] and after["disabled_reason"] == "gone"
        assert n == 0 or after["description"] == f"edit {n - 1}"


def test_a_webhook_is_deleted_beside_edits(shared_hub, make_receiver):
    token = shared_hub.login()
    sessions = [shared_hub.session(token), shared_hub.session(token)]
    for i in range(FEW):
        hook = Hook(shared_hub, make_receiver(), sessions)
        changes = [hook.field(0, "description", "last words")[0], hook.rotate(1)[0],
                   lambda: sessions[1].delete(f"{shared_hub.api}/webhooks/{hook.id}",
                                              timeout=PATIENCE_S)]
        answers = together(changes[i % 2], changes[2])
        assert answers[1].status_code == 200 and answers[0].status_code in (200, 404)
        gone = sessions[0].get(f"{shared_hub.api}/webhooks/{hook.id}", timeout=PATIENCE_S)
        assert gone.status_code == 404


class Picture:
    """A media and its changes, by two clients of its owner."""

    def __init__(self, hub, media_id, sessions):
        self.hub, self.id, self.sessions = hub, media_id, sessions
        self.url = f"{hub.api}/media/{media_id}"

    def look(self):
        return self.sessions[0].get(self.url, timeout=PATIENCE_S).json()["data"]

    def field(self, side, name, value):
        def call():
            return self.sessions[side].patch(self.url, json={name: value}, timeout=PATIENCE_S)
        return call, lambda record: record[name] == value

    def found_by_tag(self, tag):
        answer = self.sessions[0].get(f"{self.hub.api}/media", params={"tag": tag},
                                      timeout=PATIENCE_S)
        return [media["id"] for media in answer.json()["data"]] == [self.id]


@pytest.fixture
def two_sessions(shared_hub):
    token = shared_hub.login()
    return [shared_hub.session(token), shared_hub.session(token)]


MEDIA_CHANGES = {
    "title": lambda picture, side, i: picture.field(side, "title", f"title {i}"),
    "description": lambda picture, side, i: picture.field(side, "description", f"about {i}"),
    "tags": lambda picture, side, i: picture.field(side, "tags", [f"tag{i}", f"tag{i + 1}"]),
    "is_public": lambda picture, side, i: picture.field(side, "is_public", bool(i % 2)),
}


@pytest.mark.parametrize("one,two", itertools.combinations(MEDIA_CHANGES, 2))
def test_changes_of_a_media(shared_hub, picture, two_sessions, one, two):
    media = Picture(shared_hub, picture, two_sessions)
    rounds = ROUNDS if (one, two) == ("title", "description") else FEW
    assert race(rounds, lambda i: MEDIA_CHANGES[one](media, 0, i),
                lambda i: MEDIA_CHANGES[two](media, 1, i), media.look) == 0
    if two == "tags":
        assert media.found_by_tag(f"tag{rounds}") and not media.found_by_tag("tag0")


def test_many_changes_of_a_media(shared_hub, picture, two_sessions):
    """As many at once as a page can send: the last one of each field is there."""
    media = Picture(shared_hub, picture, two_sessions)
    token = two_sessions[0].headers["Authorization"].split()[1]
    media.sessions = [shared_hub.session(token) for _ in MEDIA_CHANGES]
    for i in range(FEW):
        changes = [change(media, side, i) for side, change in enumerate(MEDIA_CHANGES.values())]
        answers = together(*[call for call, _ in changes])
        record = media.look()
        assert all(answer.ok for answer in answers)
        assert all(holds(record) for _, holds in changes), record


def test_a_media_is_edited_while_its_jobs_end(shared_hub, two_sessions):
    """Thumbnails of a video, then its renditions: neither they nor the edits are lost."""
    clip = SAMPLES / "movie1/VID_20191220_170832.mp4"
    edits, media = {}, None
    for round_ in range(1 if SANITIZED else 3):
        answer = shared_hub.upload(two_sessions[0], clip)
        assert answer.status_code == 201, answer.text
        media = Picture(shared_hub, answer.json()["data"]["id"], two_sessions)
        i = 0
        while {"small", "medium", "large", "720p"} - set(media.look()["variants"]):
            for side, name in enumerate(("title", "description")):
                call, _ = media.field(side, name, f"{name} {round_} {i}")
                assert call().ok
                edits[name] = f"{name} {round_} {i}"
            i += 1
        record = media.look()
        assert record["status"] == "ready" and record["width"] and i > 0
        assert {name: record[name] for name in edits} == edits


def test_a_media_is_deleted_beside_edits(shared_hub, two_sessions, photo):
    """Whoever comes second finds it gone; no index keeps it."""
    token = two_sessions[0].headers["Authorization"].split()[1]
    editors = [shared_hub.session(token) for _ in range(2)]
    for _ in range(FEW):
        answer = shared_hub.upload(two_sessions[0], photo, tags="before")
        assert answer.status_code == 201, answer.text
        media = Picture(shared_hub, answer.json()["data"]["id"], editors)
        answers = together(
            media.field(0, "tags", ["after"])[0], media.field(1, "title", "Last words")[0],
            lambda: two_sessions[0].delete(media.url, timeout=PATIENCE_S),
            lambda: two_sessions[1].delete(media.url, timeout=PATIENCE_S))
        assert sorted(answer.status_code for answer in answers[2:]) == [200, 404]
        assert all(answer.status_code in (200, 404) for answer in answers[:2])
        for tag in ("before", "after"):
            listed = two_sessions[0].get(f"{shared_hub.api}/media", params={"tag": tag},
                                         timeout=PATIENCE_S).json()
            assert listed["data"] == [], listed


def test_a_logout_beside_a_refresh(shared_hub):
    """Whoever came first, nothing of the login is left: no session, no token to refresh with."""
    ann = Person(shared_hub, "leaver")
    api = shared_hub.api
    for _ in range(FEW):
        login = requests.post(api + "/auth/login", timeout=PATIENCE_S,
                              json={"username": ann.name, "password": PASSWORD}).json()
        session = shared_hub.session(login["token"])
        session.get(api + "/users/me", timeout=PATIENCE_S)
        logout, refresh = together(
            lambda: session.post(api + "/auth/logout", timeout=PATIENCE_S),
            lambda: requests.post(api + "/auth/refresh", timeout=PATIENCE_S,
                                  json={"refresh_token": login["refresh_token"]}))
        assert logout.status_code == 200 and refresh.status_code in (200, 401), refresh.text
        assert session.get(api + "/users/me", timeout=PATIENCE_S).status_code == 401
        if refresh.ok:
            later = shared_hub.session(refresh.json()["token"])
            assert later.get(api + "/users/me", timeout=PATIENCE_S).status_code == 401
            again = requests.post(api + "/auth/refresh", timeout=PATIENCE_S,
                                  json={"refresh_token": refresh.json()["refresh_token"]})
            assert again.status_code == 401


def test_records_from_before_there_were_revs(shared_hub, picture, hook):
    """They are read, changed at once by two, and have a rev from then on."""
    ann = Person(shared_hub, "oldtimer")
    state_keys.forget_revs(shared_hub)
    media = Picture(shared_hub, picture, hook.sessions)
    for one, two, record in ((ann.field(0, "full_name", "Old"), ann.field(1, "email", "o@x.org"), ann),
                             (media.field(0, "title", "Old"), media.field(1, "tags", ["o"]), media),
                             (hook.field(0, "description", "Old"), hook.rotate(1), hook)):
        assert race(1, lambda _, change=one: change, lambda _, change=two: change, record.look) == 0
    for kind, record_id in (("account", ann.look()["id"]), ("media", picture), ("endpoint", hook.id)):
        assert state_keys.rev(shared_hub, kind, record_id) == "2"
    login = requests.post(shared_hub.api + "/auth/login", timeout=PATIENCE_S,
                          json={"username": ann.name, "password": PASSWORD})
    assert login.status_code == 200


class Standing:
    """What admins change of somebody's account: whether it is open, an admin's, its password."""

    def __init__(self, hub, person, admins):
        self.hub, self.person, self.admins = hub, person, admins
        self.url = f"{hub.api}/users/{person.look()['id']}"

    def look(self):
        return self.admins[0].get(self.url, timeout=PATIENCE_S).json()["data"]

    def field(self, side, name, value):
        def call():
            return self.admins[side].patch(self.url, json={name: value}, timeout=PATIENCE_S)
        return call, lambda record: record[name] == value

    def password(self, side, value):
        def call():
            answer = self.admins[side].patch(self.url, json={"password": value}, timeout=PATIENCE_S)
            if answer.ok:
                self.person.password = value
            return answer
        return call, lambda record: True


STANDING_CHANGES = {
    "is_admin": lambda standing, side, i: standing.field(side, "is_admin", bool(i % 2)),
    "is_active": lambda standing, side, i: standing.field(side, "is_active", bool(i % 2)),
    "password": lambda standing, side, i: standing.password(side, f"given number {i}"),
}


@pytest.mark.parametrize("one,two", itertools.combinations(STANDING_CHANGES, 2))
def test_two_admins_change_an_account(shared_hub, two_sessions, one, two):
    person = Person(shared_hub, f"ward_{one}_{two}")
    standing = Standing(shared_hub, person, two_sessions)
    rounds = FEW - FEW % 2                     # the last one leaves it open
    assert race(rounds, lambda i: STANDING_CHANGES[one](standing, 0, i),
                lambda i: STANDING_CHANGES[two](standing, 1, i), standing.look) == 0
    assert person.logs_in(person.password)


def test_an_admin_changes_an_account_beside_its_owner(shared_hub, two_sessions):
    """The owner is logged out by it; what he was answered before that holds."""
    person = Person(shared_hub, "owner")
    standing = Standing(shared_hub, person, two_sessions)
    for i in range(FEW):
        person.sessions[0] = shared_hub.session(shared_hub.login(person.name, PASSWORD))
        person.look()
        given, _ = standing.field(0, "is_admin", bool(i % 2))
        edit, _ = person.field(0, "full_name", f"edit {i}")
        answers = together(given, edit)
        record = standing.look()
        assert answers[0].status_code == 200 and record["is_admin"] is bool(i % 2)
        assert answers[1].status_code in (200, 401), answers[1].text
        if answers[1].ok:
            assert record["full_name"] == f"edit {i}"


def test_rights_end_beside_edits_of_a_webhook(shared_hub, two_sessions):
    """The edit holds, and the webhook ends as one that hears everybody's events."""
    person = Person(shared_hub, "lord")
    standing, api = Standing(shared_hub, person, two_sessions), shared_hub.api + "/webhooks"
    for i in range(FEW):
        assert standing.field(0, "is_admin", True)[0]().ok
        own = shared_hub.session(shared_hub.login(person.name, PASSWORD))
        made = own.post(api, timeout=PATIENCE_S, json={
            "url": "http://127.0.0.1:9999/", "events": ["*"]}).json()["data"]
        edit, ended = together(
            lambda: two_sessions[1].patch(f"{api}/{made['id']}", json={"description": f"edit {i}"},
                                          timeout=PATIENCE_S),
            standing.field(0, "is_admin", False)[0])
        assert edit.status_code in (200, 409) and ended.status_code == 200, (edit.text, ended.text)
        record = two_sessions[0].get(f"{api}/{made['id']}", timeout=PATIENCE_S).json()["data"]
        assert (record["active"], record["disabled_reason"]) == (False, "owner_not_admin")
        assert not edit.ok or record["description"] == f"edit {i}"
