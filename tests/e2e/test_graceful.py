"""One gateway of two is restarted under load, again and again, and nobody notices."""
import os
import signal
import threading

import requests
from harness import PATIENCE_S, wait_for
from load import UploadLoad
from socket_client import SocketClient

RESTARTS = 6


class Readers:
    """GET requests, each on a connection of its own or all on one that is kept."""

    def __init__(self, hub, token):
        self.url, self.headers = hub.api + "/media", {"Authorization": "Bearer " + token}
        self.done, self.failed = 0, []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(kept,))
                        for kept in (True, True, False, False)]

    def _get(self, session):
        """Tries again only where nobody was there to take the connection."""
        while True:
            try:
                return session.get(self.url, headers=self.headers, timeout=PATIENCE_S).status_code
            except requests.ConnectionError as problem:
                if "Connection refused" not in str(problem):
                    return repr(problem)

    def _run(self, kept):
        with requests.Session() as session:
            while not self.over.is_set():
                if kept:
                    status = self._get(session)
                else:
                    with requests.Session() as fresh:
                        status = self._get(fresh)
                self.done += 1
                if status != 200:
                    self.failed.append(status)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


def test_restart_of_one_gateway_of_two(make_hub):
    hub = make_hub("--gateways", "2")
    hub.expect_deaths()         # the supervisor did not ask for them
    token = hub.login()
    client = SocketClient(hub, token)
    with Readers(hub, token) as readers, UploadLoad(hub, token, threads=2) as load:
        for turn in range(RESTARTS):
            so_far = readers.done, len(load.created)
            wait_for(lambda: readers.done > so_far[0] + 50 and len(load.created) > so_far[1] + 5,
                     "traffic")
            before = sorted(hub.pids("mediahub-gateway"))
            assert len(before) == 2
            victim = before[turn % 2]
            os.kill(victim, signal.SIGTERM)
            wait_for(lambda: victim not in hub.pids("mediahub-gateway"), "its end")
            wait_for(lambda: len(hub.pids("mediahub-gateway")) == 2, "the next one")
    assert not readers.failed, readers.failed[:3]
    assert not load.wrong and not load.refused, (load.wrong[:3], load.refused[:3])
    load.check_all_there(hub.session(token))
    closed = client.receive()
    while closed["type"] != "closed":
        closed = client.receive()
    assert closed["code"] == 4200 and "retry_ms=" in closed["reason"]
