"""What tests do with lists and with the catalogue that they come from."""
from harness import PATIENCE_S, wait_for


def files(hub):
    return sorted((hub.data / "catalogue").glob("catalogue-*.db"))


def forget_catalogue(hub):
    """It is built anew, and lists show what the records say, however they got there."""
    before = files(hub)
    for path in before:
        path.unlink()
    wait_for(lambda: files(hub) and files(hub) != before, "a new catalogue")


def ask(hub, session, **query):
    """The answer, once the catalogue is there: a 503 says when to come again."""
    def answer():
        got = session.get(hub.api + "/media", params=query, timeout=PATIENCE_S)
        assert got.status_code == 200 or (got.status_code == 503 and "Retry-After" in got.headers), (
            got.status_code, got.text)
        return got if got.status_code == 200 else None
    return wait_for(answer, "a list").json()


def total(hub, session, **query):
    return ask(hub, session, per_page=1, **query)["meta"]["pagination"]["total"]


def ids(hub, session, **query):
    """Of all pages, one by one."""
    found, page = [], 1
    while True:
        body = ask(hub, session, per_page=100, page=page, **query)
        found += [media["id"] for media in body["data"]]
        if page >= body["meta"]["pagination"]["total_pages"]:
            return found
        page += 1


def ids_by_cursor(hub, session, between=lambda: None, per_page=5, **query):
    """The same, each page from the cursor of the one before; between() runs after each."""
    found, cursor = [], ""
    while cursor is not None:
        body = ask(hub, session, per_page=per_page, cursor=cursor, **query)
        found += [media["id"] for media in body["data"]]
        cursor = body["meta"]["next_cursor"]
        between()
    return found
