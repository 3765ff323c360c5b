"""A real browser (Chromium without a window), told what to do over the DevTools protocol; and a way to the
hub that can be cut."""
import json
import queue
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest
import requests
import websocket
from harness import PATIENCE_S

PROGRAM = shutil.which("chromium")
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--disable-default-apps", "--no-proxy-server", "--remote-debugging-port=0",
           "--remote-allow-origins=*"]
START_S = 120


class Browser:
    def __init__(self, folder):
        if not PROGRAM:
            pytest.skip("there is no chromium here; ./hub test installs it")
        self.process = subprocess.Popen([PROGRAM, *OPTIONS, f"--user-data-dir={folder}", "about:blank"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        address = queue.Queue()
        threading.Thread(target=self._watch, args=(address,), daemon=True).start()
        try:
            port = re.search(r":(\d+)/", address.get(timeout=START_S))[1]
            page = next(t for t in requests.get(f"http://127.0.0.1:{port}/json/list", timeout=START_S).json()
                        if t["type"] == "page")
            self.tools = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=START_S)
        except BaseException:
            self.close()
            raise
        self.number = 0

    def _watch(self, address):
        for line in self.process.stderr:
            if "DevTools listening on" in line:
                address.put(line)

    def call(self, method, **params):
        self.number += 1
        self.tools.send(json.dumps({"id": self.number, "method": method, "params": params}))
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            answer = json.loads(self.tools.recv())
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
        raise AssertionError(f"no answer to {method}")

    def run(self, script):
        """What the expression comes to, as JSON; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, url):
        self.call("Page.enable")
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE_S
        while self.run("location.href + document.readyState") != url + "complete":
            assert time.monotonic() < deadline, f"{url} did not load"

    def close(self):
        self.process.kill()
        self.process.wait()


class Way:
    """Passes bytes on to the hub, until it is cut."""

    def __init__(self, hub):
        self.hub, self.open, self.lock = hub, [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.hub.port), PATIENCE_S)
            except OSError:
                return
            far.settimeout(None)
            with self.lock:
                self.open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    @staticmethod
    def _pass(source, sink):
        try:
            while (piece := source.recv(65536)):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        with self.lock:
            for end in self.open:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()
            self.open = []

    def close(self):
        self.listener.close()
        self.cut()
