"""What was made of an original is served as its record says: type, size, and an ETag that is the bytes'."""
import hashlib

import pytest
from harness import PATIENCE_S, files_made, wait_for
from people import add_user

SIZES = ("small", "medium", "large")


@pytest.fixture(scope="module")
def hub(make_shared_hub):
    return make_shared_hub()


def look(hub, session, media_id):
    return session.get(f"{hub.api}/media/{media_id}", timeout=PATIENCE_S).json()["data"]


def etag_of(content):
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def conditions(session, url, mime_type):
    """GET, HEAD, conditions and ranges of one variant agree; its bytes."""
    def get(**headers):
        return session.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()},
                           timeout=PATIENCE_S)
    whole = get()
    content, etag = whole.content, whole.headers["ETag"]
    assert whole.status_code == 200 and etag == etag_of(content)
    assert whole.headers["Content-Type"] == mime_type
    assert int(whole.headers["Content-Length"]) == len(content) > 100
    head = session.head(url, timeout=PATIENCE_S)
    assert head.status_code == 200 and not head.content
    for name in ("ETag", "Content-Length", "Content-Type"):
        assert head.headers[name] == whole.headers[name]

    known = get(If_None_Match=f'"other", {etag}')
    assert known.status_code == 304 and not known.content and known.headers["ETag"] == etag
    assert get(If_None_Match='"other"').status_code == 200
    assert get(If_Match='"other"').status_code == 412
    part = get(Range="bytes=10-99", If_Range=etag)
    assert part.status_code == 206 and part.content == content[10:100]
    assert part.headers["Content-Range"] == f"bytes 10-99/{len(content)}"
    whole_again = get(Range="bytes=10-99", If_Range='"other"')
    assert whole_again.status_code == 200 and whole_again.content == content
    return content


def test_thumbnails(hub, photo):
    session = hub.session()
    media = hub.wait_status(session, hub.upload(session, photo).json()["data"]["id"], "ready")
    path = f"{hub.api}/media/{media['id']}"
    made = files_made(hub.data / "store/variants" / hashlib.sha256(photo.read_bytes()).hexdigest())
    assert sorted(made) == ["large.jpg", "medium.jpg", "private.mask", "small.jpg"]
    for size in SIZES:
        content = conditions(session, f"{path}/thumbnail?size={size}", "image/jpeg")
        assert content == made[f"{size}.jpg"].read_bytes()
        assert content == conditions(session, f"{path}/content?variant={size}", "image/jpeg")
    saved = session.get(f"{path}/thumbnail?size=small", timeout=PATIENCE_S).headers["Content-Disposition"]
    assert saved.endswith(f'filename="{photo.stem}-small.jpg"')


def test_the_same_content_twice_is_one_file(hub, photo):
    """Two records, each with rows of its own, of the same files; one is deleted, and the other serves."""
    session = hub.session()
    ids = [hub.upload(session, photo).json()["data"]["id"] for _ in range(2)]
    for media_id in ids:
        hub.wait_status(session, media_id, "ready")
    urls = [f"{hub.api}/media/{media_id}/thumbnail" for media_id in ids]
    one, two = (session.get(url, timeout=PATIENCE_S) for url in urls)
    assert one.content == two.content and one.headers["ETag"] == two.headers["ETag"]
    folder = hub.data / "store/variants" / hashlib.sha256(photo.read_bytes()).hexdigest()
    assert len(files_made(folder)) == 4
    assert session.delete(f"{hub.api}/media/{ids[0]}", timeout=PATIENCE_S).status_code == 200
    assert conditions(session, urls[1], "image/jpeg") == one.content


def test_renditions(hub, clip):
    session = hub.session()
    media = hub.upload(session, clip).json()["data"]
    media = wait_for(lambda: (lambda now: now if "720p" in now["variants"] else None)(
        look(hub, session, media["id"])), "the rendition")
    film = conditions(session, f"{hub.api}/media/{media['id']}/content?variant=720p", "video/mp4")
    (rendition,) = media["renditions"]
    assert rendition["name"] == "720p" and rendition["mime_type"] == "video/mp4"
    assert rendition["size"] == len(film)


def test_what_strangers_see_has_the_tag_of_its_mask(hub, photo):
    session = hub.session()
    media = hub.wait_status(session, hub.upload(session, photo).json()["data"]["id"], "ready")
    assert session.patch(f"{hub.api}/media/{media['id']}", json={"is_public": True},
                         timeout=PATIENCE_S).status_code == 200
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    mask = files_made(hub.data / "store/variants" / digest)["private.mask"]
    _, stranger = add_user(hub, "stranger")
    shown = stranger.get(f"{hub.api}/media/{media['id']}/content", timeout=PATIENCE_S)
    assert shown.headers["ETag"] == f'"{digest}-{etag_of(mask.read_bytes())[1:-1]}"'
