"""A client of resumable uploads (tus 1.0.0) as tests need it: every header as it is told, bodies that
stop in the middle, chunks with trailers."""
import base64
import hashlib
import http.client
import socket

from harness import PATIENCE_S

BYTES = "application/offset+octet-stream"


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def metadata(**pairs):
    return ",".join(f"{key} {b64(value)}" if value else key for key, value in pairs.items())


def checksum(body, algorithm="sha1"):
    return f"{algorithm} {b64(hashlib.new(algorithm, body).digest())}"


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def __getitem__(self, name):
        return self.headers[name]

    @property
    def offset(self):
        value = self.headers["Upload-Offset"]
        return None if value is None else int(value)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:500]}"


class Tus:
    def __init__(self, hub, token):
        self.hub, self.token = hub, token

    def headers(self, more):
        told = {"Authorization": "Bearer " + self.token, "Tus-Resumable": "1.0.0", **more}
        return {name: str(value) for name, value in told.items() if value is not None}

    def ask(self, method, path="/uploads", body=None, **headers):
        """Headers are given with _ for -; None leaves one out."""
        path = path if path.startswith("/api") else "/api/v1" + path
        connection = http.client.HTTPConnection("127.0.0.1", self.hub.port, timeout=PATIENCE_S)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        chunked = body is not None and not isinstance(body, bytes)
        connection.request(method, path, body, self.headers(told), encode_chunked=chunked)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def create(self, length=None, status=201, **headers):
        answer = self.ask("POST", Upload_Length=length, **headers)
        assert answer.status == status, answer
        return answer["Location"] if status == 201 else answer

    def patch(self, path, offset, body, **headers):
        return self.ask("PATCH", path, body, **{"Upload_Offset": offset, "Content_Type": BYTES, **headers})

    def head(self, path):
        return self.ask("HEAD", path)

    def begin(self, path, offset, length, first, **headers):
        """A PATCH of which only the first bytes are sent; the socket."""
        told = self.headers({"Upload-Offset": offset, "Content-Type": BYTES, "Content-Length": length,
                             **{name.replace("_", "-"): value for name, value in headers.items()}})
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        sock = socket.create_connection(("127.0.0.1", self.hub.port), PATIENCE_S)
        sock.sendall(f"PATCH {path} HTTP/1.1\r\nHost: hub\r\n{lines}\r\n".encode() + first)
        return sock

    def patch_with_trailer(self, path, offset, body, trailer, announced="Upload-Checksum", piece=1000):
        told = self.headers({"Upload-Offset": offset, "Content-Type": BYTES, "Transfer-Encoding": "chunked",
                             **({"Trailer": announced} if announced else {})})
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        with socket.create_connection(("127.0.0.1", self.hub.port), PATIENCE_S) as sock:
            sock.sendall(f"PATCH {path} HTTP/1.1\r\nHost: hub\r\n{lines}\r\n".encode())
            for at in range(0, len(body), piece):
                part = body[at:at + piece]
                sock.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            sock.sendall(b"0\r\n" + trailer.encode() + b"\r\n")
            response = http.client.HTTPResponse(sock, method="PATCH")
            response.begin()
            return Answer(response)
