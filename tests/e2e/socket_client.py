"""A blocking /realtime client for tests: JSON messages, each waited for with a deadline."""
import json
import time

import websocket
from harness import PATIENCE_S


class SocketClient:
    def __init__(self, hub, token=None, subscribe=("media_updates",), since=None):
        self.socket = websocket.create_connection(
            hub.url.replace("http", "ws") + "/realtime", timeout=PATIENCE_S)
        self.seen = []
        if token:
            self.send(type="auth", token=token)
            for channel in subscribe:
                self.send(type="subscribe", channel=channel, **({"since": since} if since else {}))
            self.wait("auth_ok")
            self.subscribed = [self.wait("subscribed") for _ in subscribe]

    def send(self, **message):
        self.socket.send(json.dumps(message))

    def receive(self, patience_s=PATIENCE_S):
        """The next message; a close gives {"type": "closed"} with code and reason. The server's pings,
        which are answered, do not prolong the wait."""
        deadline = time.monotonic() + patience_s
        opcode = websocket.ABNF.OPCODE_PING
        while opcode in (websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_PONG):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no message after {self.seen}")
            try:
                opcode, data = self.socket.recv_data(control_frame=True)
            except websocket.WebSocketConnectionClosedException:
                return {"type": "closed", "code": None, "reason": ""}
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            code = int.from_bytes(data[:2], "big") if len(data) >= 2 else None
            return {"type": "closed", "code": code, "reason": data[2:].decode()}
        message = json.loads(data)
        self.seen.append(message)
        return message

    def wait(self, kind, patience_s=PATIENCE_S, **fields):
        """Reads on until a message of this type with these fields comes."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            message = self.receive()
            if message["type"] == kind and all(message.get(k) == v for k, v in fields.items()):
                return message
            assert message["type"] != "closed", (message, self.seen)
        raise AssertionError(f"no {kind} {fields} in {self.seen}")

    def wait_event(self, event, resource_id=None, patience_s=PATIENCE_S):
        return self.wait("event", patience_s, event=event,
                         **({"resource_id": resource_id} if resource_id else {}))

    def close(self):
        self.socket.close()
