"""The main job, end to end: upload, event, thumbnail, webhook, rendition."""
import base64
import hashlib
import hmac
import json

import requests
from harness import PATIENCE_S, wait_for
from socket_client import SocketClient


def make_endpoint(hub, session, receiver, events=("*",)):
    answer = session.post(hub.api + "/webhooks", json={"url": receiver.url, "events": list(events)})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def check_signature(received, secret):
    headers = {k.lower(): v for k, v in received["headers"].items()}
    signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + received["body"]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert expected in headers["webhook-signature"].split(" ")
    return headers


def test_photo(hub, photo, make_receiver):
    session = hub.session()
    receiver = make_receiver()
    endpoint = make_endpoint(hub, session, receiver)
    client = SocketClient(hub, hub.login())

    answer = hub.upload(session, photo, title="Night", tags="a, b")
    assert answer.status_code == 201, answer.text
    media = answer.json()["data"]
    assert answer.headers["Location"] == f"/api/v1/media/{media['id']}"
    assert media["type"] == "image" and media["title"] == "Night" and media["tags"] == ["a", "b"]
    assert media["checksum"].endswith(hashlib.sha256(photo.read_bytes()).hexdigest())

    uploaded = client.wait_event("media.uploaded", media["id"])
    assert uploaded["data"] == {"id": media["id"], "type": "image", "user_id": media["user_id"]}
    ready = client.wait_event("media.ready", media["id"])
    assert ready["position"] != uploaded["position"]

    media = session.get(f"{hub.api}/media/{media['id']}").json()["data"]
    assert media["status"] == "ready"
    assert (media["width"], media["height"]) == (4000, 3000)
    assert media["metadata"]["camera"] and media["metadata"]["location"]["latitude"]
    assert media["taken_at"].startswith("2020-01-24T")

    thumbnail = requests.get(hub.url + media["thumbnail_url"], timeout=PATIENCE_S)   # no credentials
    assert thumbnail.status_code == 200
    assert thumbnail.headers["Content-Type"] == "image/jpeg"
    for size in ("small", "medium", "large"):
        sized = session.get(f"{hub.api}/media/{media['id']}/thumbnail", params={"size": size})
        assert sized.status_code == 200 and len(sized.content) > 500
    original = requests.get(hub.url + media["url"], timeout=PATIENCE_S)
    assert original.content == photo.read_bytes()

    wait_for(lambda: "media.uploaded" in receiver.events(), "the webhook")
    received = receiver.received[0]
    headers = check_signature(received, endpoint["secret"])
    assert headers["webhook-id"] == uploaded["id"]
    assert headers["x-mediavault-event"] == "media.uploaded"
    assert json.loads(received["body"]) == {"event": "media.uploaded", "data": uploaded["data"],
                                            "timestamp": uploaded["timestamp"]}

    answer = session.delete(f"{hub.api}/media/{media['id']}")
    assert answer.json()["data"] == {"id": media["id"], "deleted": True}
    client.wait_event("media.deleted", media["id"])
    assert session.get(f"{hub.api}/media/{media['id']}").status_code == 404
    wait_for(lambda: "media.deleted" in receiver.events(), "the webhook of the deletion")


def test_video(hub, clip):
    session = hub.session()
    client = SocketClient(hub, hub.login(), subscribe=("media_updates", "job_progress"))
    answer = hub.upload(session, clip)
    assert answer.status_code == 201, answer.text
    media = answer.json()["data"]
    assert media["type"] == "video"

    client.wait_event("media.ready", media["id"])
    poster = session.get(f"{hub.api}/media/{media['id']}/thumbnail")
    assert poster.status_code == 200

    client.wait("event", channel="job_progress", resource_id=media["id"])
    client.wait_event("media.updated", media["id"])
    media = session.get(f"{hub.api}/media/{media['id']}").json()["data"]
    assert "720p" in media["variants"] and 1 < media["duration"] < 3
    rendition = session.get(f"{hub.api}/media/{media['id']}/content", params={"variant": "720p"})
    assert rendition.headers["Content-Type"] == "video/mp4"
    boxes = rendition.content
    (playable,) = media["renditions"]               # <video src> sends no credentials
    assert (playable["name"], playable["mime_type"]) == ("720p", "video/mp4")
    played = requests.get(hub.url + playable["url"], headers={"Range": "bytes=0-"},
                          timeout=PATIENCE_S)
    assert played.status_code == 206 and played.content == boxes
    assert boxes[4:8] == b"ftyp" and boxes.index(b"moov") < boxes.index(b"mdat")    # faststart


def test_next_start_serves_all_that_was_there(hub, photo):
    session = hub.session()
    media = hub.upload(session, photo).json()["data"]
    hub.wait_status(session, media["id"], "ready")
    hub.stop()
    hub.start()
    again = session.get(f"{hub.api}/media/{media['id']}").json()["data"]       # the token still holds
    assert again["status"] == "ready" and again["checksum"] == media["checksum"]
    assert session.get(hub.url + again["url"]).content == photo.read_bytes()


def test_two_gateways_share_everything(make_hub, clip):
    hub = make_hub("--gateways", "2", "--workers", "2")
    gateways = hub.pids("mediahub-gateway")
    assert len(gateways) == 2
    token = hub.login()
    # The kernel spreads connections over both, so with many each gateway has listeners and work.
    clients = [SocketClient(hub, token, subscribe=("media_updates", "job_progress"))
               for _ in range(8)]
    media = hub.upload(hub.session(token), clip).json()["data"]
    for client in clients:
        client.wait_event("media.uploaded", media["id"])
        client.wait("event", channel="job_progress", resource_id=media["id"])
        client.wait_event("media.updated", media["id"])
        client.close()
