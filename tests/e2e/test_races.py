"""Every operation that changes a record beside every other that changes the same one: what was
answered with 2xx holds, whoever came second."""
import itertools

import pytest
import requests
from harness import PATIENCE_S
from race import FEW, ROUNDS, race

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
