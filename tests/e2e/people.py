"""People beside the admin, also such whose records lie in different partitions of the key space."""
import uuid

from harness import PATIENCE_S

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"       # Crockford's base32, as ids are written
PREFIX_CHARS, TIME_CHARS = len("user_"), 10


def partition_of(user_id):
    """The first two characters of the random part say it (core/state/id.h)."""
    two = user_id[PREFIX_CHARS + TIME_CHARS:][:2]
    return DIGITS.index(two[0]) * 32 + DIGITS.index(two[1])


def add_user(hub, name, admin=None):
    """(id, session) of a new account."""
    answer = (admin or hub.session()).post(hub.api + "/auth/register", timeout=PATIENCE_S, json={
        "username": name, "email": name + "@example.com", "password": "long enough"})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]["id"], hub.session(hub.login(name, "long enough"))


def one_in_each(hub, partitions):
    """A session of one person in each partition."""
    admin, found = hub.session(), {}
    while len(found) < partitions:
        user_id, session = add_user(hub, "u" + uuid.uuid4().hex[:10], admin)
        found.setdefault(partition_of(user_id), session)
    assert set(found) == set(range(partitions))
    return [found[partition] for partition in range(partitions)]
