"""Events straight into the state server: the function that the hub's programs write with (see
commit.h), for benches whose subject is what comes after the commit."""
import json
import os
import socket


class State:
    def __init__(self, hub):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(hub.data / "run/state.sock"))
        self.answers = self.socket.makefile("rb")

    def close(self):
        self.answers.close()
        self.socket.close()

    def call(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) +
                            b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self._read()

    def _read(self):
        line = self.answers.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return self.answers.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._read() for _ in range(int(rest))]
        assert kind != b"-", line
        return rest

    def commit_updates(self, media, titles):
        """One commit of as many media.updated events as there are titles, told of one item; gives
        their body, which is the same for all."""
        words, body = [], json.dumps({
            "event": "media.updated",
            "data": {"id": media["id"], "type": media["type"], "user_id": media["user_id"]},
            "timestamp": media["updated_at"]}, separators=(",", ":"))
        for title in titles:
            words += ["evt_" + os.urandom(13).hex().upper(), "media.updated", media["user_id"],
                      media["id"], media["type"], body,
                      json.dumps({"title": title, "is_public": False}, separators=(",", ":")),
                      1700000000000]
        answer = self.call("FCALL", "commit", 1, "{p0}:head", os.urandom(16).hex(), 0, len(titles),
                           *words, 0)
        assert answer[0] == b"ok", answer
        return body
