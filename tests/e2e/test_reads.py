"""Reading writes nothing: what only looks leaves the durable server's log as it was."""
from state_keys import redis


def aof_bytes(hub):
    return next(int(line.split(":")[1]) for line in redis(hub, "INFO", "persistence").splitlines()
                if line.startswith("aof_current_size:"))


def test_reads_leave_the_log_unchanged(hub, photo):
    session = hub.session()
    media = hub.upload(session, photo).json()["data"]
    hub.wait_status(session, media["id"], "ready")
    key = session.post(hub.api + "/api-keys", json={"name": "x", "scopes": ["media:read"]}).json()["data"]
    program = hub.session()
    program.headers = {"X-API-Key": key["key"]}
    before = aof_bytes(hub)
    assert before > 0
    for _ in range(300):
        assert session.get(f"{hub.api}/media/{media['id']}").status_code == 200
        assert session.get(f"{hub.api}/media").status_code == 200
        assert session.get(f"{hub.api}/users/me").status_code == 200
        assert program.get(f"{hub.api}/media/{media['id']}").status_code == 200
    assert session.get(hub.api + "/api-keys").json()["data"][0]["last_used_at"]
    assert aof_bytes(hub) == before
    hub.upload(session, photo)
    assert aof_bytes(hub) > before
