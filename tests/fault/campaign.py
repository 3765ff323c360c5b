"""A hub under load whose processes are killed, and the oracle that compares what was acknowledged
with what is there: records, history, what a subscriber heard, files, what a receiver got."""
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import threading

import requests
import yaml
import state_keys
from harness import BUILD, PATIENCE_S, ROOT, Hub, Receiver, descendants, files_made, wait_for
from traffic import Load, Login, Subscriber, make_clip, make_photo

POINTS = re.findall(r'^FAULT\(\w+, "([\w.]+)"\)',
                    (ROOT / "core/base/fault.def").read_text(), re.MULTILINE)
HAS_POINTS = "MEDIAHUB_FAULTS:BOOL=ON" in (BUILD / "CMakeCache.txt").read_text()
VARIANT_ROWS = yaml.safe_load((ROOT / "schemas/variants.yaml").read_text())["variants"].values()
VARIANT_FILES = {row["text"]: row["file"] for row in VARIANT_ROWS}
MASKS = [row["file"] for row in VARIANT_ROWS if row["kind"] == "mask"]
WEBHOOK_TYPES = {"media.uploaded", "media.deleted", "media.ready", "media.failed"}
CHANNEL_TYPES = WEBHOOK_TYPES | {"media.updated", "media.processing"}
# What one dispatcher can have under way to one receiver: its window, and as many that have ended
# and are not recorded yet (webhooks/admission.h).
IN_FLIGHT_MAX = 16
SECONDS = int(os.environ.get("MEDIAHUB_FAULT_SECONDS", 0))
SETTLE_S = 8 * PATIENCE_S + SECONDS // 4        # the transcodes come last
# Content that nobody refers to goes while the load goes on; longer than a commit may take.
COLLECT_AFTER_S = 20


class Campaign:
    def __init__(self, folder):
        self.armed = folder / "armed"
        self.armed.mkdir()
        self.hub = Hub(folder, env={"MEDIAHUB_FAULT": str(self.armed),
                                    "MEDIAHUB_STORE_COLLECT_AFTER": str(COLLECT_AFTER_S)})
        self.hub.expect_deaths()
        slowly = threading.Event()
        self.receiver = Receiver(lambda n: slowly.wait(0.02) or 200)
        self.kills = self.restarts = self.lost = self.doubled = self.repeated = 0
        self.events = []          # the whole history; the hub's own is trimmed after an hour
        self.digest = None        # of its chain so far
        self.leases = set()       # of deliveries, that a dispatcher's death left behind
        self.judged = False

    def __enter__(self):
        self.hub.start()
        self.login = Login(self.hub)
        answer = self.login.session().post(self.hub.api + "/webhooks", timeout=PATIENCE_S,
                              json={"url": self.receiver.url, "events": sorted(WEBHOOK_TYPES)})
        assert answer.status_code == 201, answer.text
        self.load = Load(self.hub, self.login, make_photo(self.hub.folder),
                         make_clip(self.hub.folder))
        self.subscriber = Subscriber(self.hub, self.login)
        self.load.start()
        return self

    def __exit__(self, *failure):
        self.load.stopping.set()
        self.subscriber.stop()
        if self.hub.process:
            self.hub.kill()
        self.receiver.close()

    # Killing

    def deaths(self):
        """Names of the children that died, in this order."""
        return [json.loads(line)["name"] for line in self.hub.log_text().splitlines()
                if '"child_died"' in line]

    def note_leases(self):
        self.leases |= state_keys.leased_deliveries(self.hub)

    def may_repeat(self):
        return len(self.leases) + self.restarts * IN_FLIGHT_MAX

    def serving(self):
        try:
            return all(self.login.session().get(url, timeout=5).status_code == 200
                       for url in (self.hub.url + "/ready", self.hub.api + "/media"))
        except requests.RequestException:
            return False

    def wait_serving(self, what):
        try:
            wait_for(self.serving, what)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.hub.log_text()[-8000:]}") from None

    def die_at(self, point):
        """Arms a point, and waits until a process died there and the hub serves again."""
        before = len(self.deaths())
        path = self.armed / point
        path.touch()
        wait_for(lambda: not path.exists(), f"{point} to be reached")
        self.kills += 1
        wait_for(lambda: len(self.deaths()) > before, "the death")
        if self.deaths()[-1] == "webhooks":
            self.note_leases()
        self.wait_serving(f"service after {point}")

    def kill(self, victim, chance):
        """Kills -9 one process (supervisor: that, and with it all) at a random moment."""
        threading.Event().wait(chance.uniform(0.1, 1.2))
        if victim == "supervisor":
            self.restarts += 1
            self.hub.kill()
            self.hub.start()
        else:
            pid = wait_for(lambda: self.victims(victim), f"a {victim}")
            os.kill(chance.choice(pid), signal.SIGKILL)
            if victim == "mediahub-webhooks":
                self.note_leases()
        self.kills += 1
        self.judge_list()
        self.wait_serving(f"service after the death of {victim}")
        self.judge_list()
        self.read_history()

    def victims(self, victim):
        if not victim.startswith("redis-"):
            return self.hub.pids(victim)
        role = victim.removeprefix("redis-")
        return [pid for pid in self.hub.pids("redis-server")
                if f"{role}.sock" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]

    # Judging

    def judge(self):
        """Stops the load, lets everything settle, and compares."""
        self.load.stop()
        self.wait_serving("service at the end")
        records = self.settle()
        events = self.history()
        self.judge_records(records, events)
        self.judge_subscriber(events)
        self.judge_receiver(events)
        self.judge_files(records)
        self.judge_end()
        assert not self.load.wrong, self.load.wrong[:5]
        assert (self.lost, self.doubled) == (0, 0)
        assert self.repeated <= self.may_repeat(), (self.repeated, self.may_repeat())
        self.judged = True

    def records(self):
        session, found, page = self.login.session(), [], 1
        while True:
            answer = session.get(self.hub.api + "/media", timeout=PATIENCE_S,
                                 params={"per_page": 100, "page": page})
            assert answer.status_code == 200, answer.text
            found += answer.json()["data"]
            if page >= answer.json()["meta"]["pagination"]["total_pages"]:
                return found
            page += 1

    def judge_list(self):
        """Each list that is answered has what was acknowledged before it was asked for, and nothing that
        was deleted before; one that cannot be is 503."""
        for query in ({}, {"q": "n"}, {"sort": "title"}):
            kept, deleted = set(list(self.load.kept)), self.load.deleted.copy()
            found = self.list_once(query)
            if found is None:
                continue
            kept -= self.load.doubtful.copy()    # of which some went meanwhile
            assert kept <= found, (query, kept - found)
            assert not deleted & found, (query, deleted & found)

    def list_once(self, query):
        """The ids of all pages by cursor; None: refused, or the hub is away."""
        found, cursor = set(), ""
        while cursor is not None:
            try:
                answer = self.login.session().get(self.hub.api + "/media", timeout=PATIENCE_S,
                                                  params={"per_page": 100, "cursor": cursor, **query})
            except (requests.RequestException, AssertionError):
                return None
            if answer.status_code == 503 and "Retry-After" in answer.headers:
                return None
            assert answer.status_code == 200, answer.text
            found |= {media["id"] for media in answer.json()["data"]}
            cursor = answer.json()["meta"]["next_cursor"]
        return found

    def settle(self):
        """Waits until no job is left, also of those that make a ready record more complete, and
        every delivery is through."""
        def look():
            waiting = [r for r in self.records() if r["status"] not in ("ready", "failed")]
            return (not waiting and state_keys.work_is_over(self.hub)
                    and state_keys.all_accepted(self.hub))
        wait_for(look, "the end of all work", SETTLE_S)
        return self.records()

    def read_history(self):
        """All events so far, checked: offsets without holes, and the chain of hashes."""
        if self.digest is None:
            self.digest = hashlib.sha1(state_keys.epoch(self.hub).encode()).hexdigest()[:16]
        while True:
            some = state_keys.events_after(self.hub, len(self.events))
            for offset, event in some:
                self.digest = hashlib.sha1((self.digest + event["id"]).encode()).hexdigest()[:16]
                assert (offset, event["hash"]) == (f"{len(self.events) + 1}-0", self.digest), event
                self.events.append(event)
            if not some:
                return self.events

    def history(self):
        events = self.read_history()
        assert len({e["id"] for e in events}) == len(events)
        return events

    def judge_records(self, records, events):
        load, ids = self.load, {r["id"] for r in records}
        titles = [r["title"] for r in records]
        self.doubled += len(titles) - len(set(titles)) + len(records) - len(ids)
        assert set(titles) <= load.tried
        lost = set(load.kept) - load.doubtful - ids
        self.lost += len(lost) + len(load.deleted & ids)
        assert not lost, f"acknowledged and gone: {lost}"
        assert self.list_once({}) == self.list_once({"q": "n"}) == ids
        uploaded = [e["resource"] for e in events if e["type"] == "media.uploaded"]
        gone = {e["resource"] for e in events if e["type"] == "media.deleted"}
        ready = [e["resource"] for e in events if e["type"] == "media.ready"]
        assert len(uploaded) == len(set(uploaded)) and len(ready) == len(set(ready))
        assert set(uploaded) - gone == ids
        assert load.deleted <= gone <= load.doubtful
        failed = [r for r in records if r["status"] != "ready"]
        assert not failed and ids <= set(ready), (failed[:3], ids - set(ready))

    def judge_subscriber(self, events):
        """Everything after its first position, in order, once; unless it was told of a hole."""
        subscriber = self.subscriber
        expected = [e["id"] for e in events if e["type"] in CHANNEL_TYPES]
        try:
            wait_for(lambda: subscriber.heard[-1:] == expected[-1:], "the last event")
        except AssertionError as problem:
            raise AssertionError(f"{problem}: {subscriber.state()}, "
                                 f"{len(events)} events, {len(expected)} for it") from None
        heard = list(subscriber.heard)
        known = set(heard)
        unheard = set(expected) - known
        missed = [e for e in events if e["id"] in unheard]
        self.doubled += len(heard) - len(known)
        if not subscriber.told:
            self.lost += len(missed)
            assert not missed, missed[:3]
        assert heard == [e for e in expected if e in known], "out of order"

    def judge_receiver(self, events):
        expected = {e["id"]: e for e in events if e["type"] in WEBHOOK_TYPES}
        received = [r["headers"]["webhook-id"] for r in list(self.receiver.received)]
        missing = set(expected) - set(received)
        self.lost += len(missing)
        self.repeated = len(received) - len(set(received))
        assert not missing, [expected[e] for e in list(missing)[:3]]
        assert set(received) <= set(expected)
        for request in list(self.receiver.received):
            event = expected[request["headers"]["webhook-id"]]
            assert request["body"].decode() == event["body"]

    def judge_files(self, records):
        """Every record has its files, unharmed; and when the collector is through, nobody else has."""
        store = self.hub.data / "store"
        digests = {record["checksum"].rpartition(":")[2] for record in records}
        for record in records:
            sha256 = record["checksum"].rpartition(":")[2]
            if record["id"] in self.load.kept:
                assert sha256 == self.load.kept[record["id"]][1]
            made = files_made(store / "variants" / sha256)
            assert sorted(made) == sorted(
                MASKS + [VARIANT_FILES[name] for name in record["variants"]]), (record, made)
            assert len(made) >= 4 and all(path.stat().st_size > 0 for path in made.values())
        for sha256 in digests:
            content = (store / "blobs" / sha256[:2] / sha256[2:4] / sha256).read_bytes()
            assert hashlib.sha256(content).hexdigest() == sha256

        def there():
            return ({path.name for path in (store / "blobs").glob("*/*/*")},
                    set(os.listdir(store / "variants")), set(os.listdir(store / "trash")))
        try:
            wait_for(lambda: there() == (digests, digests, set()), "the collector",
                     COLLECT_AFTER_S + 2 * PATIENCE_S)
        except AssertionError:
            blobs, variants, trash = there()
            raise AssertionError({"blobs of nobody": blobs - digests, "lost": digests - blobs,
                                  "variants of nobody": variants - digests,
                                  "without variants": digests - variants,
                                  "left in the trash": trash}) from None

    def judge_end(self):
        """A restart clears what the dead left; an end in order leaves no process."""
        self.subscriber.stop()
        self.hub.stop()
        self.hub.start()
        incoming = self.hub.data / "store/incoming"
        wait_for(lambda: not os.listdir(incoming), "an empty incoming/")
        self.hub.stop()
        self.hub.check_log()
        left = [pid for pid in descendants(1) if self.works_here(pid)]
        assert not left, left

    def works_here(self, pid):
        try:
            return os.readlink(f"/proc/{pid}/cwd").startswith(str(self.hub.folder))
        except OSError:
            return False

    def summary(self):
        load, subscriber = self.load, self.subscriber
        return (f"{self.kills} kills, {len(load.kept)} uploads acknowledged, {load.refused} refused, "
                f"{self.lost} lost, {self.doubled} duplicated, "
                f"{self.repeated} webhooks repeated (at most {self.may_repeat()}), "
                f"{subscriber.reconnects} reconnects, {len(subscriber.told)} told of a gap"
                + ("" if self.judged else ", NOT PASSED"))


def random_of(environment="MEDIAHUB_FAULT_SEED"):
    seed = os.environ.get(environment) or str(random.SystemRandom().randrange(1 << 32))
    print(f"{environment}={seed}")
    return random.Random(seed)
