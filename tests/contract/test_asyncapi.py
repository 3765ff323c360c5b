"""The AsyncAPI document: valid by the standard's own schema, and true of what a running hub says over
/realtime and to webhooks."""
import json
import pathlib

import jsonschema
import node_packages
import pytest
import requests
import yaml
from contract import ROOT, asyncapi
from harness import PATIENCE_S, SAMPLES, wait_for
from load import tiny_png
from socket_client import SocketClient
from stream_client import StreamClient
from test_realtime import register

PHOTO = SAMPLES / "pic2/IMG_20200124_231153.jpg"
MESSAGES = asyncapi()["components"]["messages"]
EVENTS = yaml.safe_load((ROOT / "schemas/events.yaml").read_text())


def check(schema, value):
    resolver = jsonschema.RefResolver("", asyncapi())
    problems = [f"{error.json_path}: {error.message}"
                for error in jsonschema.Draft7Validator(schema, resolver=resolver).iter_errors(value)]
    assert not problems, (problems, value)


def payload_of(name):
    return asyncapi()["components"]["schemas"][MESSAGES[name]["payload"]["$ref"].rpartition("/")[2]]


def name_of(message):
    """Which of the document's messages this is."""
    for way in ("websocket", "stream"):
        for name in asyncapi()["channels"][way]["messages"]:
            members = payload_of(name)["properties"]
            if members["type"] == {"const": message["type"]} and (
                    "event" not in members or members["event"] == {"const": message.get("event")}):
                return name
    raise AssertionError(f"not in the document: {message}")


def check_messages(messages, way):
    """The names of those that were seen."""
    names = set()
    for message in messages:
        name = name_of(message)
        assert name in asyncapi()["channels"][way]["messages"], (name, way)
        check(MESSAGES[name]["payload"], message)
        names.add(name)
    return names


def test_it_is_an_asyncapi_document():
    packages = node_packages.install(pathlib.Path(__file__).parent / "asyncapi")
    standard = json.loads((packages / "@asyncapi/specs/schemas/3.0.0.json").read_text())
    problems = [f"{error.json_path}: {error.message}"
                for error in jsonschema.Draft7Validator(standard).iter_errors(asyncapi())]
    assert not problems, problems


def test_its_references_lead_somewhere():
    def follow(node):
        if isinstance(node, dict):
            if "$ref" in node:
                place = asyncapi()
                for step in node["$ref"].removeprefix("#/").split("/"):
                    place = place[step]
            for value in node.values():
                follow(value)
        elif isinstance(node, list):
            for value in node:
                follow(value)

    follow(asyncapi())


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_examples(name):
    message = MESSAGES[name]
    assert message["summary"] and len(message["examples"]) == 1
    check(message["payload"], message["examples"][0]["payload"])
    if "headers" in message:
        check(message["headers"], message["examples"][0]["headers"])
    schema = payload_of(name)
    assert schema["additionalProperties"] is False and set(schema["required"]) <= set(schema["properties"])


def test_every_event_type_is_there():
    shown = {name for name, channel in EVENTS["channels"].items() if channel["clients"]}
    for event in EVENTS["events"].values():
        name = event["type"].replace(".", "_")
        assert (name in MESSAGES) == (event["channel"] in shown), name
        assert ("webhook_" + name in MESSAGES) == (event["webhook"] != "never"), name


@pytest.fixture
def receiver_of_all(hub, token, receiver):
    """Listens to every type that there is, by name."""
    types = [e["type"] for e in EVENTS["events"].values() if e["webhook"] != "never"]
    endpoint = requests.post(hub.api + "/webhooks", json={"url": receiver.url, "events": types},
                             headers={"Authorization": "Bearer " + token}, timeout=PATIENCE_S).json()["data"]
    yield receiver, endpoint
    requests.delete(f"{hub.api}/webhooks/{endpoint['id']}", headers={"Authorization": "Bearer " + token},
                    timeout=PATIENCE_S)


CHANNELS = [name for name, channel in EVENTS["channels"].items() if channel["clients"]]


def collect(hub, session, media):
    """A collection's life."""
    def call(method, path="", **body):
        answer = session.request(method, hub.api + "/collections" + path, json=body or None, timeout=PATIENCE_S)
        assert answer.ok, answer.text
        return answer.json()["data"]["id"]

    path = "/" + call("POST", name="Sea")
    call("POST", path + "/media", media_id=media)
    call("PATCH", path + "/media", media_id=media, position=1)
    call("PATCH", path, cover_media_id=media)
    call("DELETE", f"{path}/media/{media}")
    call("DELETE", path)


def live_through(hub, session):
    """A media's life and death, one that nothing can be made of, a collection, an account."""
    photo = hub.upload(session, PHOTO).json()["data"]
    hub.wait_status(session, photo["id"], "ready")
    assert session.patch(f"{hub.api}/media/{photo['id']}", json={"title": "Beach"}, timeout=PATIENCE_S).ok
    broken = session.post(hub.api + "/media/upload", timeout=PATIENCE_S,
                          files={"file": ("broken.png", tiny_png(1)[:60])}).json()["data"]
    hub.wait_status(session, broken["id"], "failed")
    collect(hub, session, photo["id"])
    register(hub, session)
    assert session.patch(hub.api + "/users/me", json={"full_name": "A"}, timeout=PATIENCE_S).ok
    assert session.delete(f"{hub.api}/media/{photo['id']}", timeout=PATIENCE_S).ok
    return photo["id"]


LIVED = {"media_uploaded", "media_processing", "media_ready", "media_updated", "media_failed", "media_deleted",
         "collection_created", "collection_updated", "collection_deleted", "collection_media_added",
         "collection_media_moved", "collection_media_removed", "user_registered", "user_updated"}


def test_real_messages(hub):
    mine = hub.login()
    frames = SocketClient(hub, mine, subscribe=CHANNELS)
    stream = StreamClient(hub, mine, [("channel", name) for name in CHANNELS], last="nonsense")
    gone = live_through(hub, hub.session())
    for client in (frames, stream):
        client.wait_event("media.deleted", gone)
    for wrong in ({"type": "no"}, {"type": "subscribe", "channel": "no", "id": "x"},
                  {"type": "subscribe", "channel": "media_updates", "resource_id": "media_x", "id": 7}):
        frames.send(**wrong)
        frames.wait("error")
    frames.send(type="ping", id=1)
    frames.wait("pong")
    frames.send(type="unsubscribe", channel="media_updates")
    frames.wait("unsubscribed")
    refused = SocketClient(hub)
    refused.send(type="auth", token="x")
    refused.wait("auth_error")
    requests.post(hub.api + "/auth/logout", headers={"Authorization": "Bearer " + mine}, timeout=PATIENCE_S)
    closed = stream.wait_closed()
    told = asyncapi()["components"]["schemas"]["closed"]["properties"]["code"]["enum"]
    assert closed["code"] in told and frames.receive()["code"] in told

    by_frames = check_messages(frames.seen + refused.seen, "websocket")
    assert by_frames >= LIVED | {"welcome", "auth_ok", "auth_error", "subscribed", "error", "pong", "unsubscribed"}
    by_stream = check_messages([m for m in stream.seen if m["type"] != "end"], "stream")
    assert by_stream >= LIVED | {"auth_ok", "subscribed", "gap", "closed"}
    # What is said here to be said by clients is what the tests say.
    for sent in ({"type": "auth", "token": mine}, {"type": "subscribe", "channel": "media_updates"},
                 {"type": "unsubscribe", "channel": "media_updates", "resource_id": None}, {"type": "ping", "id": 1}):
        check(MESSAGES[sent["type"]]["payload"], sent)


def test_real_progress(hub, token, request):
    clip = SAMPLES / "movie1/VID_20191220_170832.mp4"
    frames = SocketClient(hub, token, subscribe=["job_progress"])
    hub.upload(hub.session(token), clip)
    frames.wait("event", channel="job_progress")
    assert "job_progress" in check_messages(frames.seen, "websocket")
    frames.close()


def test_real_webhooks(hub, token, receiver_of_all):
    receiver, endpoint = receiver_of_all
    session = hub.session(token)
    live_through(hub, session)
    session.post(f"{hub.api}/webhooks/{endpoint['id']}/test", timeout=PATIENCE_S)
    wanted = {"webhook_" + name for name in LIVED if "webhook_" + name in MESSAGES} | {
        "webhook_webhook_test"}

    def names():
        return {"webhook_" + event.replace(".", "_") for event in receiver.events()}

    wait_for(lambda: names() >= wanted, "a webhook of each type")
    assert names() <= set(asyncapi()["channels"]["webhooks"]["messages"])
    for received in receiver.received:
        body = json.loads(received["body"])
        message = MESSAGES["webhook_" + body["event"].replace(".", "_")]
        check(message["payload"], body)
        check(message["headers"], {name.lower(): value for name, value in received["headers"].items()})
