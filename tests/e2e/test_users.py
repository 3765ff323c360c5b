"""Logins and accounts: who changes a password is alone, refreshing forgives two tabs, admins see and
end what others have open. One hub with two gateways; each test has people of its own."""
import json
import subprocess
import threading
import uuid

import pytest
import requests
from harness import BUILD, PATIENCE_S, SAMPLES, Hub, Receiver, wait_for
from people import add_user
from race import FEW, together
from socket_client import SocketClient

NEW = "another long secret"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("users"), ["--gateways", "2"]).start()
    yield hub
    hub.stop()
    hub.check_log()


class Person:
    def __init__(self, hub):
        self.hub, self.name = hub, "u" + uuid.uuid4().hex[:10]
        self.id, _ = add_user(hub, self.name)

    def login(self, password="long enough"):
        return requests.post(self.hub.api + "/auth/login", timeout=PATIENCE_S,
                             json={"username": self.name, "password": password})


def refresh(hub, token):
    return requests.post(hub.api + "/auth/refresh", json={"refresh_token": token}, timeout=PATIENCE_S)


def me(hub, token):
    """As every gateway sees it: a connection each, until both have answered."""
    statuses = {requests.get(hub.api + "/users/me", timeout=PATIENCE_S,
                             headers={"Authorization": "Bearer " + token}).status_code
                for _ in range(8)}
    assert len(statuses) == 1, statuses
    return statuses.pop()


def command(hub, *arguments, secret=None, status=0):
    """What `mediahub user` prints."""
    done = subprocess.run([BUILD / "bin/mediahub", "user", *arguments, "--data", hub.data],
                          input=secret, capture_output=True, text=True, env=hub.env, cwd=hub.folder,
                          timeout=PATIENCE_S)
    assert done.returncode == status, done.stderr
    return done.stdout


def close_code(socket):
    while True:
        message = socket.receive()
        if message["type"] == "closed":
            return message["code"]


def test_a_new_password_ends_every_other_login(hub):
    person = Person(hub)
    own, other = person.login().json(), person.login().json()
    sockets = [SocketClient(hub, other["token"]) for _ in range(4)]
    backup = requests.post(hub.url + "/api/stable/auth/login", timeout=PATIENCE_S,
                           json={"username": person.name, "password": "long enough"})
    assert backup.status_code == 200, backup.text
    backup_token = backup.json()["data"]["token"]

    answer = requests.patch(hub.api + "/users/me", timeout=PATIENCE_S,
                            headers={"Authorization": "Bearer " + own["token"]},
                            json={"password": NEW, "current_password": "long enough"})
    assert answer.status_code == 200, answer.text
    assert me(hub, own["token"]) == 200 and me(hub, other["token"]) == 401
    assert refresh(hub, other["refresh_token"]).status_code == 401
    assert refresh(hub, own["refresh_token"]).status_code == 200
    for socket in sockets:
        assert close_code(socket) == 4001
    whoami = requests.get(hub.url + "/api/stable/auth/whoami", timeout=PATIENCE_S,
                          headers={"Authorization": "Bearer " + backup_token})
    assert whoami.status_code in (401, 403), whoami.text
    assert person.login().status_code == 401 and person.login(NEW).status_code == 200


def test_logins_beside_a_new_password_do_not_survive_it(hub):
    """Whoever logs in with the old password while it is changed is out afterwards, or was refused."""
    for _ in range(5):
        person, answers = Person(hub), []
        own = person.login().json()
        racers = [threading.Thread(target=lambda: answers.append(person.login())) for _ in range(4)]
        for racer in racers:
            racer.start()
        answer = requests.patch(hub.api + "/users/me", timeout=PATIENCE_S,
                                headers={"Authorization": "Bearer " + own["token"]},
                                json={"password": NEW, "current_password": "long enough"})
        for racer in racers:
            racer.join()
        assert answer.status_code == 200
        for login in answers:
            assert login.status_code in (200, 401)
            if login.status_code == 200:
                assert me(hub, login.json()["token"]) == 401
                assert refresh(hub, login.json()["refresh_token"]).status_code == 401


def test_an_upload_of_a_login_that_has_ended_is_not_kept(hub):
    admin, person = hub.session(), Person(hub)
    user, photo = f"{hub.api}/users/{person.id}", SAMPLES / "pic2/IMG_20200124_231153.jpg"
    form = (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
            + photo.read_bytes() + b"\r\n--b--\r\n")

    def upload(meanwhile):
        return hub.upload_slowly(person.login().json()["token"], "/api/v1/media/upload",
                                 "multipart/form-data; boundary=b", form, meanwhile).status
    assert upload(lambda: admin.delete(user + "/sessions")) == 401
    mine = hub.session(person.login().json()["token"]).get(hub.api + "/media").json()
    assert mine["data"] == []
    assert upload(lambda: None) == 201


def test_a_backup_session_refreshed_beside_a_new_password_does_not_survive_it(hub):
    backup = hub.url + "/api/stable/auth"
    for _ in range(FEW):
        person, tokens = Person(hub), []
        own = person.login().json()
        login = requests.post(backup + "/login", timeout=PATIENCE_S,
                              json={"username": person.name, "password": "long enough"})
        tokens.append(login.json()["data"]["token"])

        def bearer():
            return {"Authorization": "Bearer " + tokens[-1]}

        def refresh_on_and_on():
            with requests.Session() as session:
                while (answer := session.get(backup + "/refresh_token", headers=bearer(),
                                             timeout=PATIENCE_S)).ok:
                    tokens.append(answer.json()["token"])
            return answer
        refused, changed = together(refresh_on_and_on, lambda: requests.patch(
            hub.api + "/users/me", timeout=PATIENCE_S,
            headers={"Authorization": "Bearer " + own["token"]},
            json={"password": NEW, "current_password": "long enough"}))
        assert changed.status_code == 200 and refused.status_code in (401, 403), refused.text


def test_two_tabs_refresh_at_once(hub):
    person = Person(hub)
    for _ in range(10):
        spent, answers = person.login().json()["refresh_token"], []
        tabs = [threading.Thread(target=lambda: answers.append(refresh(hub, spent))) for _ in range(3)]
        for tab in tabs:
            tab.start()
        for tab in tabs:
            tab.join()
        assert [a.status_code for a in answers] == [200] * 3, [a.text for a in answers]
        assert len({a.json()["refresh_token"] for a in answers}) == 1
        assert len({a.json()["token"] for a in answers}) == 1
        assert me(hub, answers[0].json()["token"]) == 200
        assert refresh(hub, answers[0].json()["refresh_token"]).status_code == 200


@pytest.mark.parametrize("bearer", [None, "x.y.z", "ended"])
def test_a_refresh_token_alone_logs_out(hub, bearer):
    person = Person(hub)
    login = person.login().json()
    if bearer == "ended":
        ended = person.login().json()["token"]
        requests.post(hub.api + "/auth/logout", headers={"Authorization": "Bearer " + ended}, timeout=PATIENCE_S)
        bearer = ended
    answer = requests.post(hub.api + "/auth/logout", timeout=PATIENCE_S,
                           headers={"Authorization": "Bearer " + bearer} if bearer else {},
                           json={"refresh_token": login["refresh_token"]})
    assert answer.status_code == 200, answer.text
    assert refresh(hub, login["refresh_token"]).status_code == 401 and me(hub, login["token"]) == 401


def test_a_logout_of_nobody_is_refused(hub):
    logout = hub.api + "/auth/logout"
    assert requests.post(logout, timeout=PATIENCE_S).status_code == 401
    assert requests.post(logout, json={"refresh_token": "nonsense"}, timeout=PATIENCE_S).status_code == 401
    assert requests.post(logout, headers={"Authorization": "Bearer x"}, timeout=PATIENCE_S).status_code == 401


def test_admins_close_and_open_accounts(hub):
    admin, person = hub.session(), Person(hub)
    login = person.login().json()
    socket = SocketClient(hub, login["token"])
    sessions = admin.get(f"{hub.api}/users/{person.id}/sessions").json()["data"]
    assert len(sessions) == 2 and {s["surface"] for s in sessions} == {"mediavault"}
    assert all(s["address"] == "127.0.0.1" and "requests" in s["client"] for s in sessions)

    user = f"{hub.api}/users/{person.id}"
    assert admin.patch(user, json={"is_active": False}).json()["data"]["is_active"] is False
    assert close_code(socket) == 4001
    assert me(hub, login["token"]) == 401 and person.login().status_code == 401
    assert refresh(hub, login["refresh_token"]).status_code == 401
    assert admin.get(user + "/sessions").json()["data"] == []
    assert admin.patch(user, json={"is_active": True, "password": NEW}).status_code == 200
    login = person.login(NEW).json()
    assert me(hub, login["token"]) == 200
    assert admin.delete(user + "/sessions").json()["data"] == {"ended": 1}
    assert me(hub, login["token"]) == 401
    wait_for(lambda: all(f'"action":"{action}"' in hub.log_text() for action in
                         ("user_disabled", "user_enabled", "user_password_set", "user_sessions_ended")),
             "the audit's lines")


def test_what_changes_nothing_ends_no_login(hub):
    admin, person = hub.session(), Person(hub)
    login = person.login().json()
    for body in ({}, {"is_active": True}, {"is_admin": False}):
        assert admin.patch(f"{hub.api}/users/{person.id}", json=body).status_code == 200
        assert me(hub, login["token"]) == 200
    command(hub, "enable", person.name)
    assert me(hub, login["token"]) == 200
    assert refresh(hub, login["refresh_token"]).status_code == 200


def test_a_login_beside_the_end_of_rights_has_none(hub):
    """The password is looked at while the account is still an admin's."""
    admin, person = hub.session(), Person(hub)
    user = f"{hub.api}/users/{person.id}"
    for _ in range(FEW):
        assert admin.patch(user, json={"is_admin": True}).status_code == 200
        login, demoted = together(person.login, lambda: admin.patch(user, json={"is_admin": False}))
        assert demoted.status_code == 200 and login.status_code in (200, 401), login.text
        if login.ok:
            answer = requests.get(hub.api + "/users", timeout=PATIENCE_S,
                                  headers={"Authorization": "Bearer " + login.json()["token"]})
            assert answer.status_code in (401, 403), answer.text


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def told(receiver):
    """Whom the messages were about."""
    with receiver.lock:
        return [json.loads(message["body"])["data"]["user_id"] for message in receiver.received]


def test_webhooks_of_an_admin_who_is_none_any_more(hub, receiver):
    """They heard everybody's events; from then on they hear their owner's."""
    admin, person = hub.session(), Person(hub)
    user, hook = f"{hub.api}/users/{person.id}", f"{hub.api}/webhooks"
    admin.patch(user, json={"is_admin": True})
    session = hub.session(person.login().json()["token"])
    hook += "/" + session.post(hook, json={"url": receiver.url, "events": ["*"]}).json()["data"]["id"]
    stranger, _ = add_user(hub, "s" + uuid.uuid4().hex[:10])
    wait_for(lambda: stranger in told(receiver), "the message about somebody else")
    message = next(d["id"] for d in session.get(hook + "/deliveries").json()["data"])

    assert admin.patch(user, json={"is_admin": False}).status_code == 200
    session = hub.session(person.login().json()["token"])
    record = session.get(hook).json()["data"]
    assert (record["active"], record["disabled_reason"]) == (False, "owner_not_admin")
    later, _ = add_user(hub, "l" + uuid.uuid4().hex[:10])
    record = session.patch(hook, json={"active": True}).json()["data"]
    assert (record["active"], record["disabled_reason"]) == (True, None)
    last, _ = add_user(hub, "l" + uuid.uuid4().hex[:10])
    assert session.post(hook + "/test").ok
    wait_for(lambda: person.id in told(receiver), "the message about oneself")
    assert session.post(f"{hook}/deliveries/{message}/retry").status_code == 404
    assert later not in told(receiver) and last not in told(receiver)


def test_webhooks_rest_with_their_account(hub, receiver):
    admin, person = hub.session(), Person(hub)
    user = f"{hub.api}/users/{person.id}"
    session = hub.session(person.login().json()["token"])
    hooks = [session.post(hub.api + "/webhooks", json={"url": receiver.url, "events": ["*"]})
             .json()["data"]["id"] for _ in range(2)]
    session.patch(f"{hub.api}/webhooks/{hooks[1]}", json={"active": False})

    def standing():
        records = [admin.get(f"{hub.api}/webhooks/{hook}").json()["data"] for hook in hooks]
        return [(record["active"], record["disabled_reason"]) for record in records]
    assert admin.patch(user, json={"is_active": False}).status_code == 200
    assert standing() == [(False, "owner_disabled"), (False, None)]
    assert admin.patch(user, json={"is_active": True}).status_code == 200
    assert standing() == [(True, None), (False, None)]
    command(hub, "disable", person.name)
    assert standing() == [(False, "owner_disabled"), (False, None)]
    command(hub, "enable", person.name)
    assert standing() == [(True, None), (False, None)]
    command(hub, "sessions", person.name, "--end")
    command(hub, "password", person.name, secret="another long one")
    assert standing() == [(True, None), (False, None)]


def test_admins_see_everybody(hub):
    admin = hub.session()
    people = [Person(hub) for _ in range(3)]
    found, page = [], 1
    while True:
        answer = admin.get(hub.api + "/users", params={"page": page, "per_page": 2}).json()
        found += answer["data"]
        if not answer["meta"]["pagination"]["links"]["next"]:
            break
        page += 1
    assert len(found) == answer["meta"]["pagination"]["total"]
    assert len({user["id"] for user in found}) == len(found)
    assert {person.id for person in people} <= {user["id"] for user in found}
    assert admin.get(f"{hub.api}/users/{people[0].id}").json()["data"]["username"] == people[0].name
    unknown = admin.get(hub.api + "/users/user_01H1QW8N5JZJ00X4Q2K7B3C9D6")
    assert unknown.status_code == 404


def test_only_admins_may(hub):
    person = Person(hub)
    session = hub.session(person.login().json()["token"])
    for method, path in (("GET", "/users"), ("GET", f"/users/{person.id}"),
                         ("PATCH", f"/users/{person.id}"), ("GET", f"/users/{person.id}/sessions"),
                         ("DELETE", f"/users/{person.id}/sessions")):
        answer = session.request(method, hub.api + path, json={} if method == "PATCH" else None)
        assert answer.status_code == 403, (method, path, answer.text)


def test_admins_stay_admins(hub):
    admin = hub.session()
    own = admin.get(hub.api + "/users/me").json()["data"]["id"]
    for change in ({"is_active": False}, {"is_admin": False}):
        answer = admin.patch(f"{hub.api}/users/{own}", json=change)
        assert answer.status_code == 409, answer.text
    assert admin.get(hub.api + "/users/me").status_code == 200


def test_accounts_on_the_command_line(hub):
    person = Person(hub)
    login = person.login().json()

    def user(*arguments, **how):
        return command(hub, *arguments, **how)

    line, = [line for line in user("list").splitlines() if line.startswith(person.name + " ")]
    assert line.split()[1:3] == ["active", "user"] and person.id in line
    assert len(user("sessions", person.name).splitlines()) == 2
    assert "127.0.0.1" in user("sessions", person.name)
    user("sessions", person.name, "--end")
    assert me(hub, login["token"]) == 401 and user("sessions", person.name) == ""

    login = person.login().json()
    user("disable", person.name)
    assert me(hub, login["token"]) == 401 and person.login().status_code == 401
    user("enable", person.name)
    login = person.login().json()
    user("password", person.name, secret=NEW + "\n")
    assert me(hub, login["token"]) == 401 and person.login(NEW).status_code == 200
    for word in ("disable", "enable", "sessions"):
        user(word, "nobody-" + person.name, status=1)
    user("disable", status=1)
