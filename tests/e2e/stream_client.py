"""A client of /realtime as a stream of server-sent events: reads as the HTML Standard says (9.2.6), each
event waited for with a deadline."""
import http.client
import json
import queue
import socket
import threading
import time
import urllib.parse

from harness import PATIENCE_S

ACCEPT = {"Accept": "text/event-stream"}


class StreamClient:
    def __init__(self, hub, token=None, query="channel=media_updates", last=None, headers=None, port=None, tls=None):
        """tls: a context; port: of another way to the hub."""
        address = ("127.0.0.1", port or hub.port)
        self.connection = (http.client.HTTPSConnection(*address, timeout=PATIENCE_S, context=tls) if tls
                           else http.client.HTTPConnection(*address, timeout=PATIENCE_S))
        self.connection.request("GET", "/realtime?" + (
            query if isinstance(query, str) else urllib.parse.urlencode(query)), headers={
            **ACCEPT, **({"Authorization": "Bearer " + token} if token else {}),
            **({"Last-Event-ID": last} if last else {}), **(headers or {})})
        self.socket = self.connection.sock
        self.answer = self.connection.getresponse()
        self.status, self.headers = self.answer.status, self.answer.headers
        self.seen, self.comments, self.retry, self.last = [], 0, None, last
        self.position = last               # of what was received, where `last` is of what has come
        self.events = queue.Queue()
        if self.status == 200:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        data, lines = [], self.answer
        try:
            while (line := lines.readline()):
                line = line.decode().removesuffix("\n")
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if not line and data:
                    self.events.put((self.last, json.loads("\n".join(data))))
                    data = []
                elif line.startswith(":"):
                    self.comments += 1
                elif name == "data":
                    data.append(value)
                elif name == "id":
                    self.last = value
                elif name == "retry":
                    self.retry = int(value)
            self.events.put((None, {"type": "end"}))
        except (OSError, ValueError, http.client.HTTPException, AttributeError) as problem:
            self.events.put((None, {"type": "cut", "problem": str(problem)}))

    def refusal(self):
        assert self.status != 200
        return json.loads(self.answer.read())["message"]

    def receive(self, patience_s=PATIENCE_S):
        try:
            last, message = self.events.get(timeout=patience_s)
        except queue.Empty:
            raise AssertionError(f"no event after {self.seen}") from None
        if message.get("position"):
            assert last == message["position"]
            self.position = last
        self.seen.append(message)
        return message

    def wait(self, kind, patience_s=PATIENCE_S, **fields):
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            message = self.receive()
            if message["type"] == kind and all(message.get(k) == v for k, v in fields.items()):
                return message
            assert message["type"] not in ("end", "cut", "closed"), (message, self.seen)
        raise AssertionError(f"no {kind} {fields} in {self.seen}")

    def wait_event(self, event, resource_id=None):
        return self.wait("event", event=event, **({"resource_id": resource_id} if resource_id else {}))

    def wait_closed(self):
        """The last message; the stream must end in order behind it."""
        while (message := self.receive())["type"] != "closed":
            assert message["type"] not in ("end", "cut"), self.seen
        assert self.receive()["type"] == "end"
        return message

    def close(self):
        """In the middle of whatever comes; the thread that reads holds the socket open otherwise."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
