"""Clients that say exactly the bytes they are told: HTTP as raw requests, WebSocket as raw frames."""
import base64
import hashlib
import json
import select
import socket
import struct

from harness import PATIENCE_S

KEY = base64.b64encode(b"0123456789abcdef").decode()
ACCEPT = base64.b64encode(
    hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


class Answer:
    """What came back: status 0 when the connection ended without any."""

    def __init__(self, stream, method=b"GET"):
        self.status, self.headers, self.body = 0, {}, b""
        while self.status < 200 and self.status != 101:
            line = stream.readline()
            if not line:
                return
            self.status = int(line.split()[1])
            while (line := stream.readline().strip()):
                name, value = line.decode("latin-1").split(": ", 1)
                self.headers[name.lower()] = value
        if method != b"HEAD":
            self.body = stream.read(int(self.headers.get("content-length", 0)))

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:500]!r}"


def connect(hub):
    return socket.create_connection(("127.0.0.1", hub.port), PATIENCE_S)


def read_answer(connection, method=b"GET"):
    try:
        return Answer(connection.makefile("rb"), method)
    except ConnectionResetError:
        return Answer(open("/dev/null", "rb"))


def ask(hub, request, leave=False):
    """The first answer to these bytes, or to these pieces: sent until an answer begins. `leave`: the
    client says no more after them."""
    pieces = [request] if isinstance(request, bytes) else request
    method = b"HEAD" if isinstance(request, bytes) and request.startswith(b"HEAD ") else b"GET"
    with connect(hub) as connection:
        try:
            for piece in pieces:
                if select.select([connection], [], [], 0)[0]:
                    break
                connection.sendall(piece)
            if leave:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass                            # refused in the middle: the answer says why
        return read_answer(connection, method)


class RawSocket:
    """One upgrade to WebSocket, then frames exactly as told."""

    def __init__(self, hub, path="/realtime", **headers):
        self.socket = connect(hub)
        fields = {"Host": f"127.0.0.1:{hub.port}", "Upgrade": "websocket", "Connection": "Upgrade",
                  "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13",
                  **{k.replace("_", "-"): v for k, v in headers.items()}}
        self.socket.sendall((f"GET {path} HTTP/1.1\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in fields.items() if v is not None) + "\r\n").encode())
        self.input = self.socket.makefile("rb")
        self.status = int(self.input.readline().split()[1])
        self.headers = {}
        while (line := self.input.readline().strip()):
            name, value = line.decode().split(": ", 1)
            self.headers[name.lower()] = value
        if self.status != 101:
            self.body = self.input.read(int(self.headers["content-length"]))

    def send(self, first, payload=b"", mask=b"\x01\x02\x03\x04", length=None):
        n = len(payload)
        if length is None:
            length = (bytes([0x80 | n]) if n < 126 else
                      b"\xfe" + struct.pack(">H", n) if n < 65536 else
                      b"\xff" + struct.pack(">Q", n))
        self.socket.sendall(bytes([first]) + length + mask
                            + bytes(b ^ mask[i & 3] for i, b in enumerate(payload)))

    def say(self, **message):
        self.send(0x81, json.dumps(message).encode())

    def frame(self):
        """(first byte, payload), or None at the end."""
        head = self.input.read(2)
        if len(head) < 2:
            return None
        n = head[1]
        if n == 126:
            n, = struct.unpack(">H", self.input.read(2))
        elif n == 127:
            n, = struct.unpack(">Q", self.input.read(8))
        return head[0], self.input.read(n)

    def until(self, first):
        while (frame := self.frame()) is not None:
            if frame[0] == first:
                return frame[1]
        return None

    def close_code(self):
        payload = self.until(0x88)
        assert payload is not None, "no close frame"
        return struct.unpack(">H", payload[:2])[0] if payload else 0

    def close(self):
        self.input.close()
        self.socket.close()
