"""Webhooks over REST and at receivers: signatures, retries, disabling, fairness, deaths."""
import base64
import hashlib
import hmac
import json
import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from harness import PATIENCE_S, wait_for
from socket_client import SocketClient


def create(hub, session, url, events=("*",), **more):
    answer = session.post(hub.api + "/webhooks", timeout=PATIENCE_S,
                          json={"url": url, "events": list(events), **more})
    assert answer.status_code == 201, answer.text
    hook = answer.json()["data"]
    assert answer.headers["Location"] == f"/api/v1/webhooks/{hook['id']}"
    return hook


def data(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


def deliveries(hub, session, hook, **query):
    return data(session.get(f"{hub.api}/webhooks/{hook['id']}/deliveries", params=query,
                            timeout=PATIENCE_S))


def only_delivery(hub, session, hook, state=None, attempts=0):
    """The one delivery, once it is in this state and was tried this often."""
    def look():
        found = deliveries(hub, session, hook)
        assert len(found) <= 1, found
        return [d for d in found if state in (None, d["state"]) and len(d["attempts"]) >= attempts]
    return wait_for(look, f"a delivery that is {state}, tried {attempts} times")[0]


def signatures(received, *secrets):
    headers = received["headers"]
    signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + received["body"]
    return ["v1," + base64.b64encode(hmac.new(base64.b64decode(s.removeprefix("whsec_")), signed,
                                              hashlib.sha256).digest()).decode() for s in secrets]


def dispatcher(hub):
    return wait_for(lambda: hub.pids("mediahub-webhooks"), "the dispatcher")[0]


@pytest.mark.parametrize("body, field", [
    ({"events": ["*"]}, "url"),
    ({"url": "nonsense", "events": ["*"]}, "url"),
    ({"url": "ftp://example.com/", "events": ["*"]}, "url"),
    ({"url": "https://user:secret@example.com/", "events": ["*"]}, "url"),
    ({"url": "https://example.com:22/", "events": ["*"]}, "url"),
    ({"url": "https://example.com/", "events": []}, "events"),
    ({"url": "https://example.com/", "events": ["media.processing"]}, "events[0]"),
    ({"url": "https://example.com/", "events": ["*", "media.exploded"]}, "events[1]"),
    ({"url": "https://example.com/", "events": ["*"], "active": "yes"}, "active"),
    ({"url": "https://example.com/", "events": ["*"], "secret": "mine"}, "secret"),
])
def test_wrong_bodies_are_refused(shared_hub, body, field):
    hub, session = shared_hub
    answer = session.post(hub.api + "/webhooks", json=body, timeout=PATIENCE_S)
    assert answer.status_code == 400, answer.text
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == field
    if field.startswith("events["):     # the names that there are
        assert "*, media.uploaded, " in detail["message"]


@pytest.fixture(scope="module")
def shared_hub(tmp_path_factory):
    from harness import Hub
    hub = Hub(tmp_path_factory.mktemp("hub")).start()
    yield hub, hub.session()
    hub.stop()
    hub.check_log()


def test_private_addresses_are_refused_unless_allowed(make_hub):
    hub = make_hub(env={"MEDIAHUB_WEBHOOKS_ALLOW_PRIVATE": "off"})
    session = hub.session()
    for url in ["https://127.0.0.1/", "https://2130706433/", "https://0x7f.1/", "https://[::1]/",
                "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest", "http://10.0.0.1/"]:
        answer = session.post(hub.api + "/webhooks", json={"url": url, "events": ["*"]},
                              timeout=PATIENCE_S)
        assert answer.status_code == 400, url
        assert [d["field"] for d in answer.json()["error"]["details"]] == ["url"]


def test_names_are_judged_where_they_lead(make_hub, make_receiver):
    hub = make_hub(env={"MEDIAHUB_WEBHOOKS_ALLOW_PRIVATE": "off"})
    session = hub.session()
    receiver = make_receiver()
    port = receiver.server.server_port
    hook = create(hub, session, f"https://localhost:{port}/hook")
    data(session.post(f"{hub.api}/webhooks/{hook['id']}/test", timeout=PATIENCE_S), 202)
    tried = only_delivery(hub, session, hook, attempts=1)["attempts"][0]
    assert (tried["status"], tried["error"]) == (None, "address_not_allowed")
    assert receiver.received == []


def test_records(shared_hub):
    hub, session = shared_hub
    before = session.get(hub.api + "/webhooks").json()["meta"]["pagination"]["total"]
    hook = create(hub, session, "https://example.com/hook", ["media.deleted", "media.ready", "media.deleted"],
                  description="mine", active=False)
    secret = hook.pop("secret")
    assert secret.startswith("whsec_") and len(base64.b64decode(secret[6:])) == 24
    assert hook["events"] == ["media.deleted", "media.ready"]
    assert (hook["description"], hook["active"], hook["disabled_reason"]) == ("mine", False, None)

    path = f"{hub.api}/webhooks/{hook['id']}"
    assert data(session.get(path)) == hook
    listed = session.get(hub.api + "/webhooks", params={"per_page": 100}).json()
    assert hook in listed["data"] and listed["meta"]["pagination"]["total"] == before + 1
    assert session.post(path + "/test").status_code == 409

    changed = data(session.patch(path, json={"active": True, "description": None, "events": ["*"]}))
    assert (changed["active"], changed["description"], changed["events"]) == (True, None, ["*"])
    assert changed["url"] == hook["url"] and data(session.get(path)) == changed
    assert session.patch(path, json={"url": "file:///etc/passwd"}).status_code == 400
    rotated = data(session.post(path + "/rotate-secret"))
    assert rotated["secret"] != secret

    assert data(session.delete(path)) == {"id": hook["id"], "deleted": True}
    for answer in (session.get(path), session.delete(path), session.get(path + "/deliveries"),
                   session.post(path + "/test"), session.get(hub.api + "/webhooks/whk_nothing")):
        assert answer.status_code == 404


def test_a_rotation_signs_twice(hub, make_receiver):
    session = hub.session()
    receiver = make_receiver()
    hook = create(hub, session, receiver.url, ["media.deleted"])
    path = f"{hub.api}/webhooks/{hook['id']}"
    new = data(session.post(path + "/rotate-secret"))["secret"]
    queued = data(session.post(path + "/test"), 202)
    wait_for(lambda: receiver.received, "the trial message")
    received = receiver.received[0]
    assert received["headers"]["webhook-id"] == queued["id"]
    assert received["headers"]["X-MediaVault-Event"] == "webhook.test"
    assert received["headers"]["webhook-signature"].split(" ") == signatures(received, new, hook["secret"])
    assert only_delivery(hub, session, hook, "delivered")["event"] == "webhook.test"


def test_a_failure_is_tried_again(hub, make_receiver, photo):
    session = hub.session()
    receiver = make_receiver(lambda n: 500 if n == 1 else 200)
    hook = create(hub, session, receiver.url)
    hub.upload(session, photo)
    failed = only_delivery(hub, session, hook, "pending", attempts=1)
    assert failed["next_attempt_at"] and failed["event"] == "media.uploaded"
    assert [(a["status"], a["error"]) for a in failed["attempts"]] == [(500, None)]

    delivered = only_delivery(hub, session, hook, "delivered")
    assert [a["status"] for a in delivered["attempts"]] == [500, 200]
    assert delivered["next_attempt_at"] is None
    first, second = receiver.received
    assert 4 <= second["at"] - first["at"] <= 8
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"] == delivered["id"]
    assert first["body"] == second["body"]
    for received in (first, second):
        assert received["headers"]["webhook-signature"].split(" ") == signatures(received, hook["secret"])


def test_retry_after_is_honoured_and_a_person_need_not_wait(hub, make_receiver, photo):
    session = hub.session()
    receiver = make_receiver(lambda n: (503, {"Retry-After": "3600"}) if n == 1 else 200)
    hook = create(hub, session, receiver.url)
    hub.upload(session, photo)
    failed = only_delivery(hub, session, hook, "pending", attempts=1)
    wait_s = time.mktime(time.strptime(failed["next_attempt_at"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert 3500 < wait_s - time.time() < 3700
    path = f"{hub.api}/webhooks/{hook['id']}/deliveries/{failed['id']}/retry"
    assert data(session.post(path), 202) == {"id": failed["id"], "state": "pending"}
    only_delivery(hub, session, hook, "delivered", attempts=2)
    assert session.post(path.replace(failed["id"], "evt_nothing")).status_code == 404


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_the_endpoint(hub, make_receiver, status):
    """Also what comes later waits, and a neighbour does not; another URL ends the wait."""
    session = hub.session()
    receiver = make_receiver(lambda n: (status, {"Retry-After": "3600"}))
    healthy, elsewhere = make_receiver(), make_receiver()
    hook, neighbour = (create(hub, session, r.url) for r in (receiver, healthy))
    path = f"{hub.api}/webhooks/{hook['id']}"
    data(session.post(path + "/test"), 202)
    only_delivery(hub, session, hook, "pending", attempts=1)
    for _ in range(5):
        data(session.post(path + "/test"), 202)
    data(session.post(f"{hub.api}/webhooks/{neighbour['id']}/test"), 202)
    only_delivery(hub, session, neighbour, "delivered")
    waiting = deliveries(hub, session, hook)
    assert [len(d["attempts"]) for d in waiting] == [0] * 5 + [1]
    assert len({d["next_attempt_at"] for d in waiting}) == 1      # all when the hour is over

    os.kill(dispatcher(hub), signal.SIGKILL)                       # it is not forgotten
    hub.expect_deaths()
    data(session.post(f"{hub.api}/webhooks/{neighbour['id']}/test"), 202)
    wait_for(lambda: len(healthy.received) == 2, "the neighbour's second message")
    assert len(receiver.received) == 1
    data(session.patch(path, json={"url": elsewhere.url}))
    wait_for(lambda: len(elsewhere.received) >= 5, "what has waited")


def metric(hub, name):
    text = requests.get(hub.url + "/metrics", timeout=PATIENCE_S).text
    return int(re.search(rf"^{name} (\d+)$", text, re.M)[1])


def test_many_created_at_once_fill_the_room_there_is(hub):
    headers = hub.session().headers

    def post(number):
        return requests.post(hub.api + "/webhooks", headers=headers, timeout=PATIENCE_S, json={
            "url": f"https://example.com/{number}", "events": ["*"]}).status_code

    with ThreadPoolExecutor(60) as pool:
        assert set(pool.map(post, range(60))) == {201}
        assert sorted(pool.map(post, range(60))) == [201] * 40 + [507] * 20


def test_a_full_backlog_is_bounded_and_told(make_hub, make_receiver, photo):
    hub = make_hub(env={"MEDIAHUB_WEBHOOKS_PENDING_MAX": "2", "MEDIAHUB_WEBHOOKS_PER_ACCOUNT": "2"})
    session = hub.session()
    receiver = make_receiver(lambda n: (429, {"Retry-After": "3600"}) if n == 1 else 200)
    informed = make_receiver()
    client = SocketClient(hub, hub.login(), ["webhook_updates"])
    hook = create(hub, session, receiver.url)
    create(hub, session, informed.url, ["webhook.backlog.full"])
    answer = session.post(hub.api + "/webhooks", json={"url": receiver.url, "events": ["*"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "insufficient_storage")

    path = f"{hub.api}/webhooks/{hook['id']}"
    uploaded = [data(hub.upload(session, photo), 201)["id"]]
    only_delivery(hub, session, hook, "pending", attempts=1)
    uploaded += [data(hub.upload(session, photo), 201)["id"] for _ in range(3)]
    listed = wait_for(lambda: len(d := deliveries(hub, session, hook)) == 4 and d, "four deliveries")
    assert [d["state"] for d in listed] == ["dead", "dead", "pending", "pending"]
    assert [[a["error"] for a in d["attempts"]] for d in listed[:2]] == [["backlog_full"]] * 2
    assert session.post(path + "/test").status_code == 409
    again = f"{path}/deliveries/{listed[0]['id']}/retry"
    assert session.post(again).status_code == 409
    client.wait_event("webhook.backlog.full", hook["id"])
    wait_for(lambda: informed.received, "the news at the other endpoint")
    assert metric(hub, "mediahub_webhook_backlogs_full_total") == 1
    assert metric(hub, "mediahub_webhook_deliveries_refused_total") == 2

    # The receiver is back: nothing was lost.
    data(session.patch(path, json={"active": True}))
    wait_for(lambda: len(receiver.received) >= 2, "what was pending")
    data(session.post(f"{path}/deliveries/{listed[3]['id']}/retry"), 202)
    for refused in listed[:2]:
        wait_for(lambda: session.post(f"{path}/deliveries/{refused['id']}/retry").status_code == 202,
                 "room for one more")
    wait_for(lambda: {d["state"] for d in deliveries(hub, session, hook)} == {"delivered"}, "all four")
    heard = {json.loads(r["body"])["data"]["id"] for r in receiver.received}
    assert heard == set(uploaded) and informed.events() == ["webhook.backlog.full"]


def test_what_was_missed_can_be_sent_later(hub, make_receiver, photo):
    session = hub.session()
    early, late = make_receiver(), make_receiver()
    create(hub, session, early.url)
    hub.upload(session, photo)
    wait_for(lambda: early.received, "the first receiver's message")
    hook = create(hub, session, late.url)
    missed = early.received[0]["headers"]["webhook-id"]
    data(session.post(f"{hub.api}/webhooks/{hook['id']}/deliveries/{missed}/retry"), 202)
    wait_for(lambda: late.received, "the replay")
    assert late.received[0]["body"] == early.received[0]["body"]


def test_gone_disables(hub, make_receiver, photo):
    session = hub.session()
    receiver = make_receiver(lambda n: 410)
    hook = create(hub, session, receiver.url)
    path = f"{hub.api}/webhooks/{hook['id']}"
    hub.upload(session, photo)
    gone = wait_for(lambda: [h for h in [data(session.get(path))] if not h["active"]], "disabling")[0]
    assert gone["disabled_reason"] == "gone"
    assert only_delivery(hub, session, hook, "dead")["attempts"][0]["status"] == 410
    again = data(session.patch(path, json={"active": True}))
    assert again["active"] and again["disabled_reason"] is None


def test_redirects_are_not_followed(hub, make_receiver, photo):
    session = hub.session()
    elsewhere = make_receiver()
    receiver = make_receiver(lambda n: (302, {"Location": elsewhere.url}))
    hook = create(hub, session, receiver.url)
    hub.upload(session, photo)
    tried = only_delivery(hub, session, hook, "pending", attempts=1)["attempts"][0]
    assert (tried["status"], tried["error"]) == (302, "redirected")
    assert elsewhere.received == []


def test_a_hung_receiver_delays_no_other(hub, make_receiver, photo):
    session = hub.session()
    release = threading.Event()
    hung = make_receiver(lambda n: release.wait(PATIENCE_S) and 200)
    healthy = make_receiver()
    create(hub, session, hung.url)
    create(hub, session, healthy.url)
    media = data(hub.upload(session, photo), 201)
    wait_for(lambda: hung.received and healthy.received, "both receivers' first message")
    started = time.monotonic()
    data(session.delete(f"{hub.api}/media/{media['id']}"))
    wait_for(lambda: "media.deleted" in healthy.events(), "the second message")
    assert time.monotonic() - started < 10
    release.set()


# A label that is longer than names can have: no name server is asked for it.
NOWHERE = "http://" + "a" * 64 + ".invalid:9000/hook"


def test_a_name_that_leads_nowhere_harms_no_neighbour(hub, make_receiver):
    """Also not when it is tried again; hub.check_log() sees a dispatcher that dies."""
    session = hub.session()
    receiver = make_receiver()
    typo, healthy = create(hub, session, NOWHERE), create(hub, session, receiver.url)
    paths = [f"{hub.api}/webhooks/{hook['id']}" for hook in (typo, healthy)]
    lost = data(session.post(paths[0] + "/test"), 202)["id"]
    sent = []
    for n in range(1, 5):
        only_delivery(hub, session, typo, "pending", attempts=n)
        sent.append(data(session.post(paths[1] + "/test"), 202)["id"])
        data(session.post(f"{paths[0]}/deliveries/{lost}/retry"), 202)
    tried = only_delivery(hub, session, typo, "pending", attempts=5)["attempts"]
    assert {(a["status"], a["error"]) for a in tried} == {(None, "name_not_resolved")}
    wait_for(lambda: len(receiver.received) == 4, "the neighbour's messages")
    assert [r["headers"]["webhook-id"] for r in receiver.received] == sent
    assert len(hub.pids("mediahub-webhooks")) == 1


def records_of(hub, session, hook):
    return {d["id"]: (d["state"], [a["status"] for a in d["attempts"]])
            for d in deliveries(hub, session, hook, per_page=100)}


def test_a_dispatcher_killed_again_and_again_records_each_once(hub, make_receiver):
    """In mid-attempt each time: all arrive, and none has two records of one attempt."""
    hub.expect_deaths()
    session = hub.session()
    receiver = make_receiver(lambda n: threading.Event().wait(0.2) or 200)
    hook = create(hub, session, receiver.url)
    path = f"{hub.api}/webhooks/{hook['id']}/test"
    sent, killed = [], []
    for _ in range(3):
        before = len(receiver.received)
        sent += [data(session.post(path), 202)["id"] for _ in range(10)]
        wait_for(lambda: len(receiver.received) > before, "an attempt under way")
        killed.append(dispatcher(hub))
        os.kill(killed[-1], signal.SIGKILL)
        wait_for(lambda: set(hub.pids("mediahub-webhooks")) - set(killed), "the next dispatcher")
    wait_for(lambda: set(records_of(hub, session, hook)) == set(sent) and
             {s for s, _ in records_of(hub, session, hook).values()} == {"delivered"},
             "all thirty", timeout_s=2 * PATIENCE_S)
    assert {tuple(tried) for _, tried in records_of(hub, session, hook).values()} == {(200,)}
    ids = [r["headers"]["webhook-id"] for r in receiver.received]
    assert set(ids) == set(sent)
    assert len(ids) <= len(sent) + 3 * 8      # twice only what was in flight at a death


def test_a_killed_dispatcher_loses_nothing(hub, make_receiver, photo):
    hub.expect_deaths()
    session = hub.session()
    release = threading.Event()
    receiver = make_receiver(lambda n: 200 if n > 1 else (release.wait(PATIENCE_S) and 200))
    hook = create(hub, session, receiver.url)
    media = data(hub.upload(session, photo), 201)
    wait_for(lambda: receiver.received, "the first attempt")
    os.kill(dispatcher(hub), signal.SIGKILL)
    data(session.delete(f"{hub.api}/media/{media['id']}"))
    wait_for(lambda: all(d["state"] == "delivered" for d in deliveries(hub, session, hook))
             and len(deliveries(hub, session, hook)) == 2, "both deliveries", timeout_s=60)
    release.set()
    ids = [r["headers"]["webhook-id"] for r in receiver.received]
    assert len(set(ids)) == 2 and 2 <= len(ids) <= 3      # what was in flight came twice


def test_pages_of_deliveries(hub, make_receiver):
    session = hub.session()
    receiver = make_receiver()
    hook = create(hub, session, receiver.url)
    path = f"{hub.api}/webhooks/{hook['id']}"
    sent = [data(session.post(path + "/test"), 202)["id"] for _ in range(5)]
    wait_for(lambda: len(receiver.received) == 5, "five messages")
    answer = session.get(path + "/deliveries", params={"per_page": 2, "page": 3}).json()
    assert [d["id"] for d in answer["data"]] == sent[:1]
    pagination = answer["meta"]["pagination"]
    assert (pagination["total"], pagination["count"], pagination["total_pages"]) == (5, 1, 3)
    assert [d["id"] for d in deliveries(hub, session, hook)] == sent[::-1]
