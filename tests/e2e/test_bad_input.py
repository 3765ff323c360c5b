"""What nobody should send, to one running hub. Every table is made to grow by a line. A row is a name,
what is sent, and the answer: a status stands for Media Vault's own error body, hub(status) for the
hub's, GONE for a connection that ends without an answer. In bytes, <token> is a valid one. After each
row the next request is served; at the end nothing is left: no temporary file, no descriptor, and the
same processes as before."""
import base64
import collections
import concurrent.futures
import hashlib
import hmac
import json
import os
import random
import re
import resource
import shutil
import socket
import struct
import subprocess
import threading
import time
import zlib

import pytest
import requests
import yaml
from harness import CLIPS, PATIENCE_S, ROOT, SAMPLES, SANITIZED, Hub, descendants, wait_for
from raw_client import RawSocket, ask, connect, read_answer
from socket_client import SocketClient
from state_keys import HEAD, KEYRING, keyring
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt

GONE = 0
UPLOAD_MAX = 24 << 20
SLUGS = {row["status"]: row["slug"]
         for row in yaml.safe_load((ROOT / "schemas/errors.yaml").read_text())["errors"].values()}
REASONS = yaml.safe_load((ROOT / "schemas/wire.yaml").read_text())["enums"]["reason"]
PHOTO = SAMPLES / "pic1/IMG-20191006-WA0002.jpg"


def hub(status):
    return -status


# ---- how requests are written ----

def http(start, *fields, body=None, version="HTTP/1.1"):
    length = [f"Content-Length: {len(body)}"] if body is not None else []
    lines = [f"{start} {version}", "Host: hub.example", *fields, *length, "", ""]
    return "\r\n".join(lines).encode("latin-1") + (body or b"")


def get(target, *fields):
    return http("GET " + target, "Authorization: Bearer <token>", *fields)


def login(body, *fields, kind="application/json"):
    return http("POST /api/v1/auth/login", "Content-Type: " + kind, *fields, body=body)


def chunked(body, *fields):
    return http("POST /api/v1/auth/login", "Content-Type: application/json",
                "Transfer-Encoding: chunked", *fields) + body


def part(disposition, content=b"", *fields):
    head = ["--cut", f"Content-Disposition: {disposition}", *fields, "", ""]
    return "\r\n".join(head).encode() + content + b"\r\n"


END = b"--cut--\r\n"
FILE = 'form-data; name="file"; filename="a.jpg"'
JPEG = PHOTO.read_bytes()


def upload(body, *fields, length=None, kind="multipart/form-data; boundary=cut"):
    framing = f"Content-Length: {len(body) if length is None else length}"
    return http("POST /api/v1/media/upload", "Authorization: Bearer <token>",
                "Content-Type: " + kind, framing, *fields) + body


def upload_in_chunks(chunks):
    return http("POST /api/v1/media/upload", "Authorization: Bearer <token>",
                "Transfer-Encoding: chunked", "Content-Type: multipart/form-data; boundary=cut") + chunks


def endless(start, piece):
    """An upload in chunks that never ends, whatever is said to it (as far as a test goes)."""
    def send(world):
        framed = b"%x\r\n%s\r\n" % (len(piece), piece)
        yield world.fill(upload_in_chunks(b"%x\r\n%s\r\n" % (len(start), start) if start else b""))
        for _ in range(2 * UPLOAD_MAX // len(piece)):
            yield framed
    return send


LOGIN = b'{"username":"admin","password":"correct horse battery"}'
HEADS = [
    ("no Host", b"GET /health HTTP/1.1\r\n\r\n", hub(400)),
    ("two Hosts", http("GET /health", "Host: b"), hub(400)),
    ("Host with a path", b"GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n", hub(400)),
    ("empty Host", b"GET /health HTTP/1.1\r\nHost:\r\n\r\n", hub(400)),
    ("bare LF", b"GET /health HTTP/1.1\nHost: a\n\n", hub(400)),
    ("bare LF in one line", b"GET /health HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", hub(400)),
    ("bare CR in a value", http("GET /health", "X: a\rb"), hub(400)),
    ("NUL in a value", http("GET /health", "X: a\0b"), hub(400)),
    ("DEL in a value", http("GET /health", "X: a\x7fb"), hub(400)),
    ("NUL in a name", http("GET /health", "X\0: a"), hub(400)),
    ("obs-fold", http("GET /health", "X: a", " b"), hub(400)),
    ("obs-fold at the first line", b"GET /health HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n", hub(400)),
    ("blank before the colon", login(LOGIN).replace(b"Length:", b"Length :"), 400),
    ("blank in a name", http("GET /health", "X y: a"), hub(400)),
    ("no colon", http("GET /health", "nothing"), hub(400)),
    ("no name", http("GET /health", ": a"), hub(400)),
    ("no version", b"GET /health\r\n\r\n", hub(400)),
    ("no target", b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("two blanks", b"GET  /health HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("tab for a blank", b"GET\t/health HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("four words", b"GET /health x HTTP/1.1\r\nHost: a\r\n\r\n", hub(400)),
    ("a field first", b"Host: a\r\nGET /health HTTP/1.1\r\n\r\n", 400),
    ("HTTP/9.9", http("GET /health", version="HTTP/9.9"), hub(505)),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("http/1.1", http("GET /health", version="http/1.1"), hub(400)),
    ("HTTP/1.1x", http("GET /health", version="HTTP/1.1x"), hub(400)),
    ("HTTP/1.0", b"GET /health HTTP/1.0\r\n\r\n", 200),
    ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", 400),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
    ("noise", random.Random(1).randbytes(2000) + b"\r\n\r\n", 400),
    ("100 fields and one", http("GET /health", *["X: a"] * 100), hub(431)),
    ("99 fields", http("GET /health", *["X: a"] * 98), 200),
    ("a field of 40 kB", http("GET /health", "X: " + "a" * 40000), hub(431)),
    ("40 kB of fields", http("GET /health", *["X: " + "a" * 1000] * 40), hub(431)),
    ("no end", b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40000, hub(431)),
    ("a line without end", b"GET /" + b"a" * 40000, 414),
    ("a token of 100 kB", http("GET /api/v1/media", "Authorization: Bearer " + "a" * 100000), 431),
    ("a key of 100 kB", http("GET /api/v1/media", "X-API-Key: " + "a" * 100000), 431),
    ("unknown Expect", login(LOGIN, "Expect: 200-ok"), 417),
    ("Expect: 100-continue", login(LOGIN, "Expect: 100-continue"), 200),
    ("Expect for too much", upload(b"", "Expect: 100-continue", length=1 << 40), 413),
]
TARGETS = [
    ("no such route", get("/api/v1/nothing"), 404),
    ("nobody's route", get("/nothing"), hub(404)),
    ("unknown method", http("FOO /api/v1/media"), 405),
    ("method in small letters", http("get /api/v1/media"), 405),
    ("TRACE", http("TRACE /health"), hub(405)),
    ("PUT", http("PUT /api/v1/media", body=b"{}"), 405),
    ("POST to the realtime path", http("POST /realtime", body=b""), hub(405)),
    ("unknown method of no route", http("FOO /api/v1/nothing"), 404),
    ("CONNECT", http("CONNECT hub.example:443"), 400),
    ("a method with a NUL", http("G\0T /health"), 400),
    ("a method of 1 kB", http("A" * 1000 + " /health"), hub(405)),
    ("10 kB", get("/api/v1/" + "a" * 10000), 414),
    ("8 kB of query", get("/api/v1/media?q=" + "a" * 9000), 414),
    ("65 parameters", get("/api/v1/media?" + "&".join(f"a{i}=1" for i in range(200))), 400),
    ("asterisk", http("GET *"), 400),
    ("asterisk with OPTIONS", http("OPTIONS *"), 204),
    ("absolute form", http("GET http://other.example/health"), 200),
    ("absolute form of a signed link", lambda w: http("GET http://hub.example" + w.link), 200),
    ("absolute form of nothing", http("GET http://other.example/api/v1/x"), 404),
    ("absolute form of another scheme", http("GET ftp://hub.example/health"), 400),
    ("absolute form without a host", http("GET http:///api/v1/media"), 401),
    ("relative", http("GET health"), 400),
    ("empty segments", get("//api//v1//media"), hub(404)),
    ("a fragment", get("/api/v1/media#x"), 400),
    ("a backslash", get("/api\\v1\\media"), hub(404)),
    ("NUL", get("/api/v1/media/\0"), 400),
    ("8-bit bytes", get("/api/v1/media/\xff\xfe"), 400),
    ("%00", get("/api/v1/media/%00"), 400),
    ("%00 behind an id", get("/api/v1/media/media_1%00"), 400),
    ("%2e%2e", get("/api/v1/media/%2e%2e/users/me"), 400),
    ("dots", get("/api/v1/../../etc/passwd"), 400),
    ("dots behind an escape", get("/api/v1/media/..%2f..%2fetc%2fpasswd/content"), 400),
    ("overlong dots", get("/api/v1/media/%c0%ae%c0%ae/content"), 404),
    ("doubly escaped", get("/api/v1/media/%252e%252e"), 404),
    ("half an escape", get("/api/v1/media/%"), 400),
    ("an escape of one digit", get("/api/v1/media/%a"), 400),
    ("an escape that is none", get("/api/v1/media/%zz"), 400),
    ("an id of 4 kB", get("/api/v1/media/" + "a" * 4000), 404),
    ("an id of format letters", get("/api/v1/media/%25s%25n%25s"), 404),
    ("a line end in an id", get("/api/v1/media/a%0d%0aX:b"), 404),
    ("a Redis key as id", get("/api/v1/media/media_%7bp0%7d:head"), 404),
    ("page 0", get("/api/v1/media?page=0"), 400),
    ("page -1", get("/api/v1/media?page=-1"), 400),
    ("page x", get("/api/v1/media?page=x"), 400),
    ("page of nothing", get("/api/v1/media?page="), 400),
    ("page 1e3", get("/api/v1/media?page=1e3"), 400),
    ("a huge page", get("/api/v1/media?page=" + "9" * 40), 200),
    ("page twice", get("/api/v1/media?page=1&page=2"), 400),
    ("an unknown sort", get("/api/v1/media?sort=secret"), 400),
    ("an unknown type", get("/api/v1/media?type=image%00"), 400),
    ("a text that is no UTF-8", get("/api/v1/media?q=%ff%fe"), 400),
    ("a text too long", get("/api/v1/media?q=" + "a" * 300), 400),
    ("a broken escape in a query", get("/api/v1/media?q=%"), 400),
    ("a name that is no UTF-8", get("/api/v1/media?%ff=1"), 200),
    ("an unknown parameter", get("/api/v1/media?x=1"), 200),
    ("only separators", get("/api/v1/media?&&&=&"), 200),
]
FRAMING = [
    ("a length and chunks", chunked(b"0\r\n\r\n", "Content-Length: 5"), 400),
    ("chunks and a length", login(LOGIN, "Transfer-Encoding: chunked"), 400),
    ("two lengths", login(LOGIN, f"Content-Length: {len(LOGIN)}"), 400),
    ("two different lengths", login(LOGIN, "Content-Length: 5"), 400),
    *((f"length {length!r}", http("POST /api/v1/auth/login", f"Content-Length: {length}") + b"hello",
       400) for length in ("-1", "+5", "5,5", "5 5", "0x5", "5abc", "abc", "", "5.0", "1" * 20, "1" * 41,
                     "9223372036854775808", "\xb2")),
    ("a length too long", login(LOGIN)[:-5], GONE),
    ("a length too short", login(LOGIN).replace(b"Length: 55", b"Length: 50"), 400),
    ("a huge length", http("POST /api/v1/auth/login", "Content-Type: application/json",
                           "Content-Length: 9223372036854775807"), 413),
    ("good chunks",
     chunked(b"10;x=y\r\n%s\r\n27\r\n%s\r\n0\r\nX: y\r\n\r\n" % (LOGIN[:16], LOGIN[16:])), 200),
    ("gzip", http("POST /api/v1/auth/login", "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", 501),
    ("chunked twice", chunked(b"0\r\n\r\n", "Transfer-Encoding: chunked"), 400),
    ("chunked twice in one",
     http("POST /api/v1/auth/login", "Transfer-Encoding: chunked, chunked"), 501),
    ("xchunked", http("POST /api/v1/auth/login", "Transfer-Encoding: xchunked"), 501),
    ("chunks in HTTP/1.0", chunked(b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    *((f"chunks {chunks[:24]!r}", chunked(chunks), 400) for chunks in (
        b"-5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
        b"x\r\n", b"\r\n", b" 5\r\nhello\r\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n",
        b"1" * 17 + b"\r\n", b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n", b"5;\0\r\nhello\r\n",
        b"0\r\nno colon\r\n\r\n", b"0\r\n: a\r\n\r\n", b"0\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"0\r\nX: a\r\n b\r\n\r\n", b"0\r\nX: a\n\r\n")),
    ("a chunk of 2^64", chunked(b"ffffffffffffffff\r\n" + b"a" * 20000), 413),
    ("chunks without the last", chunked(b"5\r\nhello\r\n"), GONE),
    ("too much in chunks", chunked(b"186a0\r\n" + b" " * 100000 + b"\r\n0\r\n\r\n"), 413),
    ("a body that nobody asked for", get("/api/v1/media", "Content-Length: 5") + b"hello", 200),
    ("a request behind it", http("GET /health", body=b"GET /x HTTP/1.1\r\n\r\n"), 200),
]
JSON = [
    ("800 arrays", b'{"username":' + b"[" * 800 + b"]" * 800 + b"}", 400),
    ("8,000 objects", b'{"username":' + b'{"a":' * 1600 + b"1" + b"}" * 1600 + b"}", 400),
    ("only openings", b"[" * 16000, 400),
    ("only closings", b"]" * 16000, 400),
    ("nothing", b"", 400),
    ("blanks", b"  \r\n", 400),
    ("an array", b"[]", 400),
    ("a text", b'"admin"', 400),
    ("null", b"null", 400),
    ("two objects", b"{}{}", 400),
    ("unfinished", LOGIN[:-1], 400),
    ("a comma too many", LOGIN[:-1] + b",}", 400),
    ("single quotes", LOGIN.replace(b'"', b"'"), 400),
    ("a comment", b"/**/" + LOGIN, 400),
    ("two byte order marks", 2 * b"\xef\xbb\xbf" + LOGIN, 400),
    ("UTF-16", LOGIN.decode().encode("utf-16"), 400),
    ("NUL", LOGIN.replace(b"admin", b"ad\0min"), 400),
    ("NUL at the end", LOGIN + b"\0", 400),
    ("escaped NUL", LOGIN.replace(b"admin", b"ad\\u0000min"), 400),
    ("escaped NUL in a name", LOGIN.replace(b"username", b"user\\u0000name"), 400),
    ("invalid UTF-8", LOGIN.replace(b"admin", b"ad\xffmin"), 400),
    ("overlong UTF-8", LOGIN.replace(b"admin", b"ad\xc0\xafmin"), 400),
    ("a surrogate in UTF-8", LOGIN.replace(b"admin", b"ad\xed\xa0\x80min"), 400),
    ("half a surrogate pair", LOGIN.replace(b"admin", b"ad\\ud800min"), 400),
    ("a control character", LOGIN.replace(b"admin", b"ad\nmin"), 400),
    ("a bad escape", LOGIN.replace(b"admin", b"ad\\xmin"), 400),
    ("a name twice", LOGIN[:-1] + b',"username":"other"}', 400),
    ("a name twice, once escaped", LOGIN[:-1] + b',"user\\u006eame":"other"}', 400),
    ("an unknown name", LOGIN[:-1] + b',"admin":true}', 400),
    ("__proto__", LOGIN[:-1] + b',"__proto__":{}}', 400),
    *((f"username {value[:24].decode()}", b'{"username":%s,"password":"x"}' % value, 400) for value in (
        b"1", b"null", b"true", b"[]", b"{}", b"1e999", b"-1e999", b"99999999999999999999", b"NaN",
        b"0" * 50, b"1." + b"9" * 500, b'""', b'"%s"' % (b"a" * 321))),
    ("100 kB", b'{"username":"%s"}' % (b"a" * 100000), 413),
]
FORMS = [
    ("no boundary", upload(b"x", kind="multipart/form-data"), 415),
    ("an empty boundary", upload(b"x", kind='multipart/form-data; boundary=""'), 415),
    ("a boundary of 100", upload(b"x", kind="multipart/form-data; boundary=" + "a" * 100), 415),
    ("a boundary with a line end", upload(b"x", kind='multipart/form-data; boundary="a\tb"'), 415),
    ("two boundaries", upload(b"x", kind="multipart/form-data; boundary=a; boundary=b"), 415),
    ("JSON", upload(b"{}", kind="application/json"), 415),
    ("multipart/mixed", upload(part(FILE, JPEG) + END, kind="multipart/mixed; boundary=cut"), 415),
    ("nothing", upload(b""), 400),
    ("no part", upload(END), 400),
    ("another boundary", upload((part(FILE, JPEG) + END).replace(b"--cut", b"--other")), 400),
    ("no file", upload(part('form-data; name="title"', b"x") + END), 400),
    ("cut in the part's head", upload(part(FILE)[:20]), 400),
    ("cut in the file", upload(part(FILE, JPEG)[:50000]), 400),
    ("cut before the last boundary", upload(part(FILE, JPEG)), 400),
    ("cut in the last boundary", upload(part(FILE, JPEG) + END[:5]), 400),
    ("a length too short", upload(part(FILE, JPEG) + END, length=90000), 400),
    ("a length too long", upload(part(FILE, JPEG) + END, length=200000), GONE),
    ("a length far too long", upload(part(FILE, JPEG) + END, length=1 << 40), 413),
    ("no name", upload(part('form-data; filename="a.jpg"', JPEG) + END), 400),
    ("an empty name", upload(part('form-data; name=""', b"x") + part(FILE, JPEG) + END), 201),
    ("no disposition", upload(b"--cut\r\n\r\nx\r\n" + END), 400),
    ("two dispositions", upload(part(FILE, JPEG, "Content-Disposition: " + FILE) + END), 400),
    ("an attachment", upload(part('attachment; name="file"', JPEG) + END), 400),
    ("a name that does not end", upload(part('form-data; name="file', JPEG) + END), 201),
    ("a name twice", upload(part('form-data; name="file"; name="x"', JPEG) + END), 400),
    ("a name that is no UTF-8", upload(part(FILE, JPEG).replace(b'"file"', b'"\xff"') + END), 400),
    ("a file name with a NUL", upload(part(FILE, JPEG).replace(b"a.jpg", b"a\0.jpg") + END), 400),
    ("a file name of 2 kB", upload(part(FILE.replace("a.jpg", "a" * 2000), JPEG) + END), 201),
    ("a file name that is a path", upload(part(FILE.replace("a.jpg", "../../x/.."), JPEG) + END), 201),
    ("two files", upload(part(FILE, JPEG) + part(FILE, JPEG) + END), 400),
    ("a file in another part", upload(part(FILE.replace("file", "title", 1), JPEG) + END), 400),
    ("an empty file", upload(part(FILE) + END), 400),
    ("a title twice", upload(2 * part('form-data; name="title"', b"x") + part(FILE, JPEG) + END), 400),
    ("a title with a NUL",
     upload(part('form-data; name="title"', b"a\0b") + part(FILE, JPEG) + END), 400),
    ("a title that is no UTF-8",
     upload(part('form-data; name="title"', b"\xff") + part(FILE, JPEG) + END), 201),
    ("a title of 100 kB",
     upload(part('form-data; name="title"', b"a" * 100000) + part(FILE, JPEG) + END), 413),
    ("65 tags", upload(part('form-data; name="tags"', b"a," * 65) + part(FILE, JPEG) + END), 400),
    ("an unknown collection",
     upload(part('form-data; name="collection_id"', b"col_1") + part(FILE, JPEG) + END), 404),
    ("nested", upload(part('form-data; name="file"', part(FILE, JPEG) + END,
                           "Content-Type: multipart/mixed; boundary=cut") + END), 400),
    ("base64", upload(part(FILE, JPEG, "Content-Transfer-Encoding: base64") + END), 400),
    ("10,000 parts",
     upload(b"".join(part(f'form-data; name="p{i}"', b"x") for i in range(10000)) + END), 400),
    ("10,000 parts of one name", upload(10000 * part('form-data; name="x"') + END), 400),
    ("a head of 10 kB", upload(part(FILE, JPEG, "X: " + "a" * 10000) + END), 400),
    ("a folded head", upload(part(FILE, JPEG, "X: a", " b") + END), 400),
    ("bare LF", upload((part(FILE, JPEG) + END).replace(b"\r\n", b"\n")), 400),
    ("text behind a boundary",
     upload((part(FILE, JPEG) + END).replace(b"--cut\r\n", b"--cutlery\r\n")), 400),
    ("10 kB before it", upload(b"a" * 10000 + b"\r\n" + part(FILE, JPEG) + END), 400),
    ("10 kB behind it", upload(part(FILE, JPEG) + END + b"a" * 10000), 400),
    ("a form behind the form", upload(2 * (part(FILE, JPEG) + END)), 400),
    ("endless file", endless(part(FILE, JPEG)[:-2], bytes(1 << 16)), 413),
    ("endless title", endless(part('form-data; name="title"')[:-2], b"a" * 4096), 413),
    ("endless head", endless(b"--cut\r\nX: ", b"a" * 4096), 400),
    ("endless parts", endless(b"", part('form-data; name="x"')), 400),
    ("endless preamble", endless(b"", b"a" * 4096), 400),
    ("endless epilogue", endless(part(FILE, JPEG) + END, b"a" * 4096), 400),
    ("endless boundaries", endless(b"\r\n", b"--cut\r\n" * 500), 400),
    ("a broken chunk in the file",
     upload_in_chunks(b"ffff\r\n" + part(FILE, JPEG)[:65535] + b"hello"), 400),
]


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(world, claims=(), header=(), key=None, digest="sha256"):
    """The valid token with these changes, signed anew; a value None takes a member away."""
    texts = [{k: v for k, v in {**json.loads(old), **dict(new)}.items() if v is not None}
             for old, new in zip(world.token_parts, (header, claims))]
    signed = ".".join(base64url(json.dumps(text).encode()) for text in texts)
    mac = hmac.digest(world.token_key if key is None else key, signed.encode(), digest)
    return f"{signed}.{base64url(mac)}"


def flip(text, at):
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]


def unsigned(world, alg):
    return sign(world, header={"alg": alg}).rsplit(".", 1)[0] + "."


TOKENS = [                                      # every one: 401 over REST, 4001 over /realtime
    ("alg none", lambda w: unsigned(w, "none")),
    ("alg NONE", lambda w: unsigned(w, "NONE")),
    ("alg none with the old signature", lambda w: unsigned(w, "none") + w.token.rsplit(".", 1)[1]),
    ("no signature", lambda w: w.token.rsplit(".", 1)[0] + "."),
    ("two parts", lambda w: w.token.rsplit(".", 1)[0]),
    ("four parts", lambda w: w.token + ".x"),
    ("HS512 with the right key", lambda w: sign(w, header={"alg": "HS512"}, digest="sha512")),
    ("HS512 told, HS256 made", lambda w: sign(w, header={"alg": "HS512"})),
    ("alg RS256", lambda w: sign(w, header={"alg": "RS256"})),
    ("alg a number", lambda w: sign(w, header={"alg": 256})),
    ("no alg", lambda w: sign(w, header={"alg": None})),
    ("a foreign signature", lambda w: sign(w, key=b"x" * 32)),
    ("an empty key", lambda w: sign(w, key=b"")),
    ("another kid", lambda w: sign(w, header={"kid": "0" * 16})),
    ("a kid that is a path", lambda w: sign(w, header={"kid": "../../dev/null"}, key=b"")),
    ("no kid", lambda w: sign(w, header={"kid": None})),
    ("crit", lambda w: sign(w, header={"crit": ["exp"]})),
    ("typ of something else", lambda w: sign(w, header={"typ": "share"})),
    ("another audience", lambda w: sign(w, {"aud": "pixlsrve"})),
    ("a list of audiences", lambda w: sign(w, {"aud": ["mv"]})),
    ("no audience", lambda w: sign(w, {"aud": None})),
    ("another issuer", lambda w: sign(w, {"iss": "elsewhere"})),
    ("expired", lambda w: sign(w, {"exp": int(time.time()) - 1})),
    ("no expiry", lambda w: sign(w, {"exp": None})),
    ("expiry as a text", lambda w: sign(w, {"exp": "99999999999"})),
    ("expiry as a real", lambda w: sign(w, {"exp": 9e18})),
    ("expiry below zero", lambda w: sign(w, {"exp": -1})),
    ("issued in the future", lambda w: sign(w, {"iat": int(time.time()) + 3600})),
    ("not yet valid", lambda w: sign(w, {"nbf": int(time.time()) + 3600})),
    ("an unknown role", lambda w: sign(w, {"role": "root"})),
    ("another user", lambda w: sign(w, {"sub": "user_" + "0" * 26})),
    ("a user that is no id", lambda w: sign(w, {"sub": "*"})),
    ("a session that is none", lambda w: sign(w, {"jti": "ses_" + "0" * 26})),
    ("a session that is a key", lambda w: sign(w, {"jti": HEAD})),
    ("no session", lambda w: sign(w, {"jti": None})),
    ("claims 100 deep", lambda w: sign(w, {"x": json.loads("[" * 100 + "]" * 100)})),
    ("a changed signature", lambda w: flip(w.token, len(w.token) - 10)),
    ("changed claims", lambda w: flip(w.token, w.token.index(".") + 20)),
    ("padding", lambda w: w.token + "="),
    ("a blank inside", lambda w: w.token.replace(".", ". ", 1)),
    ("garbage", lambda w: "garbage"),
    ("dots", lambda w: "..."),
    ("one dot", lambda w: "."),
    ("8-bit letters", lambda w: "\xe4.\xf6.\xfc"),
    ("6 kB", lambda w: "a" * 2000 + "." + "b" * 2000 + "." + "c" * 2000),
    ("a refresh token", lambda w: w.refresh_token),
    ("an API key", lambda w: "mvk_" + "0" * 43),
    ("20 kB of dots", lambda w: "." * 20000),
]
CREDENTIALS = [
    *((f"key {key[:24]!r}", http("GET /api/v1/users/me", "X-API-Key: " + key), 401)
      for key in ("x", "mvk_", "mvk_" + "0" * 43, "mvk_00" + "\xff" * 41, "a" * 10000, "<token>")),
    *((f"Authorization {value!r}", http("GET /api/v1/users/me", "Authorization: " + value), 401)
      for value in ("x", "Bearer", "Bearer ", "Basic YWRtaW46eA==", "Basic %%%", "<token>",
                    "Bearer<token>", "Bearer  ", "Digest username=admin", "Bearer Bearer <token>")),
    ("the token in the query", http("GET /api/v1/users/me?token=<token>"), 401),
    ("the token in a cookie", http("GET /api/v1/users/me", "Cookie: token=<token>"), 401),
]


def link_member(link, name):
    return re.search(rf"[?&]{name}=([^&]*)", link)[1]


def replaced(name, value):
    return lambda w: w.link.replace(f"{name}={link_member(w.link, name)}", f"{name}={value}")


LINKS = [
    ("as minted", lambda w: w.link, 200),
    ("another path", lambda w: w.link.replace("/content", "/thumbnail"), 401),
    ("the record itself", lambda w: w.link.replace("/content", ""), 401),
    ("another id", lambda w: w.link.replace(w.media["id"], "media_" + "0" * 26), 401),
    ("an escape in the path", lambda w: w.link.replace("/media/", "/%6dedia/"), 401),
    ("the alias", lambda w: w.link.replace("/api/v1/", "/v1/"), 401),
    ("a variant", lambda w: w.link.replace("?", "?variant=720p&"), 401),
    ("something behind it", lambda w: w.link + "&x=1", 401),
    ("something before it", lambda w: w.link.replace("?", "?x=1&"), 401),
    ("later", lambda w: replaced("exp", int(link_member(w.link, "exp")) + 1)(w), 401),
    ("much later", replaced("exp", 2 ** 63), 401),
    ("earlier", replaced("exp", 1), 401),
    ("never", replaced("exp", ""), 401),
    ("a sign before exp", lambda w: w.link.replace("exp=", "exp=+"), 401),
    ("a zero before exp", lambda w: w.link.replace("exp=", "exp=0"), 401),
    ("another user", replaced("user", "user_" + "0" * 26), 401),
    ("no user", replaced("user", ""), 401),
    ("no signature", replaced("sig", ""), 401),
    ("a short signature", lambda w: w.link[:-1], 401),
    ("a long signature", lambda w: w.link + "A", 401),
    ("padding", lambda w: w.link + "=", 401),
    ("the last letter's spare bits", lambda w: w.link[:-1] + chr(ord(w.link[-1]) + 1), 401),
    ("the first letter", lambda w: flip(w.link, w.link.index("sig=") + 4), 401),
    ("signature twice", lambda w: w.link + "&sig=" + link_member(w.link, "sig"), 401),
    ("another order", lambda w: re.sub(r"(exp=\d+)&(user=\w+)", r"\2&\1", w.link), 401),
    ("escaped", lambda w: w.link.replace("sig=", "%73ig="), 401),
    ("only the signature", lambda w: re.sub(r"\?.*&", "?", w.link), 401),
    ("no query", lambda w: w.link.partition("?")[0], 401),
]


# ---- files ----

def flipped(content, seed, bits=40, first=0):
    """Seeded noise: so many bits of it turned, none before `first`."""
    noise, data = random.Random(seed), bytearray(content)
    for _ in range(bits):
        data[noise.randrange(first, len(data))] ^= 1 << noise.randrange(8)
    return bytes(data)


def forge_jpeg_size(content):
    """The photo with a frame header that claims 64250 x 64250 pixels."""
    at = content.rindex(b"\xff\xc2\x00\x11\x08") + 5
    return content[:at] + b"\xfa\xfa\xfa\xfa" + content[at + 4:]


def forge_png_size(content):
    start = content[:16] + struct.pack(">II", 65535, 65535) + content[24:29]
    return start + struct.pack(">I", zlib.crc32(start[12:])) + content[33:]


def ftyp(rest):
    return b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + rest


PNG = (CLIPS / "templ.png").read_bytes()
LOOPING_TIFF = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 256, 3, 1, 16, 8) + bytes(100)
# Statuses of the answer, or what becomes of it in the end; `ended`: ready or failed, both are right.
FILES = [
    ("text.jpg", lambda w: b"this is text, whatever its name says", 415),
    ("zero.jpg", lambda w: b"", 400),
    ("one-byte.jpg", lambda w: b"\xff", 415),
    ("svg.png", lambda w: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///x"/></svg>', 415),
    ("playlist.mp4", lambda w: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", 415),
    ("concat.mp4", lambda w: b"ffconcat version 1.0\nfile /etc/passwd\n", 415),
    ("zip.jpg", lambda w: b"PK\3\4" + bytes(100), 415),
    ("html.gif", lambda w: b"<html><script>alert(1)</script>", 415),
    ("pdf.jpg", lambda w: b"%PDF-1.7\n" + bytes(100), 415),
    ("zeros.jpg", lambda w: bytes(100000), 415),
    ("magic-only.jpg", lambda w: b"\xff\xd8\xff", "failed"),
    ("magic-only.png", lambda w: PNG[:8], "failed"),
    ("magic-only.gif", lambda w: b"GIF89a", "failed"),
    ("magic-only.mp4", lambda w: ftyp(b""), "failed"),
    ("magic-only.avi", lambda w: b"RIFF\xff\xff\xff\xffAVI ", "failed"),
    ("magic-only.mkv", lambda w: b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska", "failed"),
    ("playlist-in-a-box.mp4", lambda w: ftyp(b"#EXTM3U\nfile:///etc/passwd\n"), "failed"),
    ("a-box-of-2^64.mp4", lambda w: ftyp(b"\0\0\0\1moov" + b"\xff" * 8 + bytes(64)), "failed"),
    ("boxes-1000-deep.mp4", lambda w: ftyp(b"\0\0\1\0moov" * 1000), "failed"),
    ("64250x64250.jpg", lambda w: forge_jpeg_size(JPEG), "too_many_pixels"),
    ("65535x65535.png", lambda w: forge_png_size(PNG), "too_many_pixels"),
    ("65535x65535.gif", lambda w: b"GIF89a" + b"\xff" * 4 + bytes(100), "failed"),
    ("loop.tif", lambda w: LOOPING_TIFF, "failed"),
    ("noise.jpg", lambda w: JPEG[:3] + random.Random(2).randbytes(50000), "failed"),
    ("photo-head.jpg", lambda w: JPEG[:600], "failed"),
    ("half-photo.jpg", lambda w: JPEG[:len(JPEG) // 2], "damaged"),
    ("half.png", lambda w: PNG[:len(PNG) // 2], "failed"),
    *((f"flipped-photo-{seed}.jpg", lambda w, seed=seed: flipped(JPEG, seed, first=3), "ended")
      for seed in range(4)),
    *((f"flipped-head-{seed}.jpg", lambda w, seed=seed: flipped(JPEG[:700], seed, first=3) + JPEG[700:],
       "ended") for seed in range(4)),
    *((f"flipped-{seed}.png", lambda w, seed=seed: flipped(PNG, seed, first=8), "ended")
      for seed in range(2)),
    ("half-clip.mp4", lambda w: w.clip[:len(w.clip) // 2], "ended"),
    ("clip-head.mp4", lambda w: w.clip[:1000], "failed"),
    *((f"flipped-clip-{seed}.mp4", lambda w, seed=seed: flipped(w.clip, seed, first=64), "ended")
      for seed in range(3)),
    *((f"flipped-boxes-{seed}.mp4", lambda w, seed=seed: flipped(w.clip[:1500], seed, first=64)
       + w.clip[1500:], "ended") for seed in range(3)),
    ("good.jpg", lambda w: JPEG, "ready"),
    ("good.mp4", lambda w: w.clip, "ready"),
]


# ---- WebSocket ----

TEN_MB = b"\xff" + struct.pack(">Q", 10 << 20)
FRAMES = [                                      # and the code that the hub closes with
    ("unmasked", lambda raw: raw.socket.sendall(b"\x81\x05hello"), 1002),
    *((f"reserved bit {bit:#x}", lambda raw, bit=bit: raw.send(0x81 | bit, b"x"), 1002)
      for bit in (0x40, 0x20, 0x10)),
    *((f"reserved opcode {opcode}", lambda raw, opcode=opcode: raw.send(0x80 | opcode, b"x"), 1002)
      for opcode in (3, 7, 11, 15)),
    ("long form of a short length", lambda raw: raw.send(0x81, b"x", length=b"\xfe\0\x01"), 1002),
    ("a length of 2^63", lambda raw: raw.send(0x81, length=b"\xff\x80" + bytes(7)), 1002),
    ("cut ping", lambda raw: raw.send(0x09, b"x"), 1002),
    ("long ping", lambda raw: raw.send(0x89, b"x" * 126), 1002),
    ("nothing to continue", lambda raw: raw.send(0x80, b"x"), 1002),
    ("new text in a message", lambda raw: (raw.send(0x01, b"x"), raw.send(0x81, b"x")), 1002),
    ("half a close code", lambda raw: raw.send(0x88, b"\x03"), 1002),
    *((f"close code {code}", lambda raw, code=code: raw.send(0x88, struct.pack(">H", code)), 1002)
      for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)),
    ("a reason that is no UTF-8", lambda raw: raw.send(0x88, b"\x03\xe8\xff"), 1007),
    ("binary", lambda raw: raw.send(0x82, b"x"), 1003),
    ("binary of 10 MB", lambda raw: raw.send(0x82, bytes(1000), length=TEN_MB), 1003),
    ("not UTF-8", lambda raw: raw.send(0x81, b"\xff"), 1007),
    ("half a character", lambda raw: raw.send(0x81, b"\xe2\x82"), 1007),
    ("not UTF-8 over fragments", lambda raw: (raw.send(0x01, b"\xe2\x82"), raw.send(0x80, b"x")), 1007),
    ("a byte too big", lambda raw: raw.send(0x81, length=b"\xff" + struct.pack(">Q", 65537)), 1009),
    ("too big in parts", lambda raw: [raw.send(f, b" " * 30000) for f in (1, 0, 0x80)], 1009),
    ("10 MB", lambda raw: raw.send(0x81, b"x" * 1000, length=TEN_MB), 1009),
    ("10 GiB", lambda raw: raw.send(0x81, length=b"\xff" + struct.pack(">Q", 10 << 30)), 1009),
    ("another request", lambda raw: raw.socket.sendall(http("GET /health")), 1002),
    ("a close is answered", lambda raw: raw.send(0x88, b"\x03\xe8bye"), 1000),
    ("an empty close too", lambda raw: raw.send(0x88), 0),
]
MESSAGES = [                                    # and the code of the error; the socket stays open
    ("nothing", "", "validation_error"),
    ("broken JSON", '{"type":"ping"', "validation_error"),
    ("a text", "ping", "validation_error"),
    ("an array", "[]", "validation_error"),
    ("800 deep", "[" * 800 + "]" * 800, "validation_error"),
    ("30,000 openings", "[" * 30000, "validation_error"),
    ("a name twice", '{"type":"ping","type":"auth"}', "validation_error"),
    ("an escaped NUL", '{"type":"ping\\u0000"}', "validation_error"),
    ("no type", "{}", "validation_error"),
    ("a type that is a number", '{"type":1}', "validation_error"),
    ("an unknown type", '{"type":"publish"}', "validation_error"),
    ("an id that is an object", '{"type":"ping","id":{}}', "validation_error"),
    ("an id of 10 kB", json.dumps({"type": "ping", "id": "a" * 10000}), "validation_error"),
    ("auth without a token", '{"type":"auth"}', "validation_error"),
    ("no channel", '{"type":"subscribe"}', "validation_error"),
    ("an unknown channel", '{"type":"subscribe","channel":"session"}', "validation_error"),
    ("a channel of 10 kB",
     json.dumps({"type": "subscribe", "channel": "a" * 10000}), "validation_error"),
    ("a channel that is a number", '{"type":"subscribe","channel":1}', "validation_error"),
    ("a resource that is a list",
     '{"type":"subscribe","channel":"media_updates","resource_id":[]}', "validation_error"),
    ("an unknown resource",
     '{"type":"subscribe","channel":"media_updates","resource_id":"media_1"}', "not_found"),
    ("a resource that is a key",
     json.dumps({"type": "subscribe", "channel": "media_updates", "resource_id": HEAD}), "not_found"),
    ("another user",
     '{"type":"subscribe","channel":"user_updates","resource_id":"user_1"}', "not_found"),
    ("a position that is a number", '{"type":"subscribe","channel":"media_updates","since":1}',
     "validation_error"),
    ("unsubscribe of nothing known", '{"type":"unsubscribe","channel":"x"}', "validation_error"),
]
UPGRADES = [
    ("no key", {"Sec_WebSocket_Key": None}, hub(400)),
    ("a short key", {"Sec_WebSocket_Key": "c2hvcnQ="}, hub(400)),
    ("a long key", {"Sec_WebSocket_Key": "A" * 1000}, hub(400)),
    ("a key that is no base64", {"Sec_WebSocket_Key": "!" * 24}, hub(400)),
    ("no version", {"Sec_WebSocket_Version": None}, hub(426)),
    ("version 8", {"Sec_WebSocket_Version": "8"}, hub(426)),
    ("version 13, 8", {"Sec_WebSocket_Version": "13, 8"}, hub(426)),
    ("no upgrade", {"Upgrade": None}, hub(426)),
    ("h2c", {"Upgrade": "h2c"}, hub(426)),
    ("no connection", {"Connection": None}, hub(426)),
    ("a foreign origin", {"Origin": "https://evil.example"}, hub(403)),
    ("no origin at all", {"Origin": "null"}, hub(403)),
    ("an origin of 10 kB", {"Origin": "https://" + "a" * 10000}, hub(403)),
    ("a token in the query", {"path": "/realtime?token=x"}, hub(400)),
    ("a broken query", {"path": "/realtime?%"}, hub(400)),
]

def begin_upload(world, connection):
    """Sends half of a photo; returns when its temporary file is there."""
    before = len(world.incoming())
    connection.sendall(world.fill(upload(part(FILE, JPEG) + END))[:90000])
    wait_for(lambda: len(world.incoming()) > before, "a temporary file")


# Told at once, answered after the hub's patience: all asked at the same time.
SLOW = [
    ("nothing", lambda w, c: None, GONE),
    ("half a request line", lambda w, c: c.sendall(b"GET /hea"), 408),
    ("half a head", lambda w, c: c.sendall(b"GET /health HTTP/1.1\r\nHo"), hub(408)),
    ("a head, a byte a second", lambda w, c: trickle(c, http("GET /health", "X: " + "a" * 100)), 408),
    ("no body", lambda w, c: c.sendall(login(LOGIN)[:-len(LOGIN)]), 408),
    ("a body, a byte a second", lambda w, c: trickle(c, LOGIN, login(LOGIN)[:-len(LOGIN)]), 408),
    ("an upload that stops", begin_upload, 408),
]


def trickle(connection, text, start=b""):
    connection.sendall(start)
    connection.settimeout(1)
    for byte in text:
        connection.sendall(bytes([byte]))
        try:
            connection.recv(1, socket.MSG_PEEK)
            break
        except TimeoutError:
            pass


# ---- the hub and its judges ----

DECODERS = 3                        # of a worker: for JPEG, for other pictures, for films


def count_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class World:
    """The running hub, what a good client has of it, and how it looked before."""

    def __init__(self, hub):
        self.hub = hub
        token = requests.post(hub.api + "/auth/login", data=LOGIN, timeout=PATIENCE_S,
                              headers={"Content-Type": "application/json"}).json()
        self.token, self.refresh_token = token["token"], token["refresh_token"]
        self.token_parts = [base64.urlsafe_b64decode(p + "==") for p in self.token.split(".")[:2]]
        self.token_key = bytes.fromhex(re.search(r"token \S+ (\S+)", self.keyring())[1])
        self.session = hub.session(self.token)
        self.clip = self.make_clip()
        self.media = hub.upload(self.session, PHOTO).json()["data"]
        self.link = hub.wait_status(self.session, self.media["id"], "ready")["url"]
        SocketClient(hub, self.token).close()
        self.session.close()
        self.gateway, = hub.pids("mediahub-gateway")
        wait_for(lambda: self.connections() == 0, "an idle gateway")
        self.fds, self.processes = count_fds(self.gateway), self.names()

    def keyring(self):
        """As it lies in Redis, opened with the hub's key (core/base/seal.h)."""
        box = base64.urlsafe_b64decode(keyring(self.hub).rpartition(":")[2] + "==")
        key = bytes.fromhex((self.hub.data / "hub.key").read_text().split()[-1])
        return crypto_aead_xchacha20poly1305_ietf_decrypt(box[24:], KEYRING.encode(), box[:24], key).decode()

    def make_clip(self):
        path = self.hub.folder / "clip.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-i", SAMPLES / "movie1/VID_20191220_170832.mp4", "-t",
                        "0.3", "-vf", "scale=-2:96", "-movflags", "+faststart", path], check=True)
        return path.read_bytes()

    def check_nothing_is_left(self):
        self.session.close()
        wait_for(lambda: self.connections() == 0, "the end of all connections")
        wait_for(lambda: not self.incoming(), "no temporary file")
        wait_for(lambda: count_fds(self.gateway) <= self.fds, "no descriptor more than before")
        wait_for(lambda: self.names() == self.processes, "the same processes as before")
        assert len(self.hub.pids("mediahub-decode")) <= DECODERS * self.processes["mediahub-worker"]
        assert self.hub.pids("mediahub-gateway") == [self.gateway]

    def names(self):
        """Without the decoders, each of which begins with a worker's first file of its kind, and stays."""
        return collections.Counter(name for name in descendants(self.hub.process.pid).values()
                                   if name != "mediahub-decode")

    def connections(self):
        """Of the gateway, as the kernel knows them (01 is ESTABLISHED)."""
        port = f":{self.hub.port:04X}"
        with open("/proc/net/tcp") as table:
            return sum(row[1].endswith(port) and row[3] == "01" for row in map(str.split, table))

    def incoming(self):
        return list((self.hub.data / "store/incoming").iterdir())

    def fill(self, request):
        return request.replace(b"<token>", self.token.encode())

    def ask(self, request, **how):
        return ask(self.hub, request(self) if callable(request) else self.fill(request), **how)

    def serves(self):
        return self.ask(get("/api/v1/users/me")).status == 200


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    folder = tmp_path_factory.mktemp("bad_input")
    running = Hub(folder, env={"MEDIAHUB_UPLOAD_MAX_BYTES": str(UPLOAD_MAX)}).start()
    try:
        made = World(running)
        yield made
        made.check_nothing_is_left()
    finally:
        running.stop()
        shutil.rmtree(running.data, ignore_errors=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    running.check_log()


def check_error(answer, status):
    """The surface's own body, and the fields that the status demands."""
    assert answer.status == abs(status), answer
    if answer.status < 400:
        return
    body = answer.json()
    if status < 0:
        assert list(body) == ["message"] and body["message"], body
    else:
        assert body["success"] is False and set(body) == {"success", "error", "meta"}, body
        assert body["error"]["code"] == SLUGS[status] and body["error"]["message"], body
        assert body["meta"]["request_id"] == answer.headers["x-request-id"], body
    needed = {401: "www-authenticate", 405: "allow", 426: "upgrade", 503: "retry-after"}
    assert needed.get(answer.status, "date") in answer.headers, answer


def rows(*tables):
    return [pytest.param(*row[1:], id=row[0]) for table in tables for row in table]


@pytest.mark.parametrize("request_bytes,status", rows(
    HEADS, TARGETS, FRAMING, FORMS, CREDENTIALS,
    [("JSON: " + name, login(body), status) for name, body, status in JSON],
    [("link: " + name, lambda w, link=link: http("GET " + link(w)), status)
     for name, link, status in LINKS]))
def test_requests(world, request_bytes, status):
    check_error(world.ask(request_bytes, leave=status == GONE), status)
    assert world.serves()


def test_a_link_reads_only(world):
    for method, status in (("HEAD", 200), ("DELETE", 405), ("PATCH", 405), ("POST", 405)):
        check_error(world.ask(http(f"{method} {world.link}", body=b"")), status)
    record = world.link.replace("/content", "")
    check_error(world.ask(http("DELETE " + record, body=b"")), 401)


@pytest.mark.parametrize("make", rows(TOKENS))
def test_tokens(world, make):
    assert world.serves()
    token = make(world)
    check_error(world.ask(http("GET /api/v1/users/me", "Authorization: Bearer " + token)), 401)
    raw = RawSocket(world.hub)
    raw.say(type="auth", token=token)
    kinds = [json.loads(raw.until(0x81))["type"] for _ in range(2)]
    assert kinds == ["welcome", "auth_error"] and raw.close_code() == 4001
    raw.close()


def test_the_forger_could_do_it(world):
    """Signed anew without a change a token is good: it is for the change that rows are refused."""
    answer = world.ask(http("GET /api/v1/users/me", "Authorization: Bearer " + sign(world)))
    assert answer.status == 200, answer


@pytest.mark.parametrize("send,code", rows(FRAMES))
def test_frames(world, send, code):
    raw = RawSocket(world.hub)
    send(raw)
    assert raw.close_code() == code and raw.frame() is None
    raw.close()
    assert world.serves()


@pytest.mark.parametrize("headers,status", rows(UPGRADES))
def test_upgrades(world, headers, status):
    raw = RawSocket(world.hub, **headers)
    check_error(raw_answer(raw), status)
    raw.close()
    assert world.serves()


def raw_answer(raw):
    raw.json = lambda: json.loads(raw.body)
    return raw


def test_messages(world):
    client, allowance = SocketClient(world.hub, world.token), threading.Event()
    for name, text, code in MESSAGES:
        client.socket.send(text)
        assert client.wait("error")["error"]["code"] == code, name
        client.send(type="ping", id=name)
        client.wait("pong", reply_to=name)
        allowance.wait(0.1)                 # 20 messages a second are taken
    client.close()


def check_end(world, media_id, end):
    """What became of the file, told to whoever asks."""
    media = world.hub.wait_status(world.session, media_id, "ready", "failed")
    if end != "ended":
        assert media["status"] == ("ready" if end == "ready" else "failed"), media
    if media["status"] == "ready":
        assert media["failure"] is None or media["type"] == "video", media     # of its rendition
        return
    assert media["failure"]["code"] in ([end] if end in REASONS else REASONS), media
    assert media["failure"]["message"], media
    check_error(world.ask(get(f"/api/v1/media/{media_id}/thumbnail")), 404)


@pytest.mark.parametrize("name,make,end", rows([(row[0], *row) for row in FILES]))
def test_files(world, name, make, end):
    content = make(world)
    answer = world.session.post(world.hub.api + "/media/upload", files={"file": (name, content)},
                                timeout=PATIENCE_S)
    if isinstance(end, int):
        assert answer.status_code == end and answer.json()["error"]["code"] == SLUGS[end], answer.text
    else:
        assert answer.status_code == 201, answer.text
        check_end(world, answer.json()["data"]["id"], end)
    assert world.serves()


def test_slow_clients(world):
    """All at once; others are served meanwhile."""
    def wait(start):
        with connect(world.hub) as connection:
            connection.settimeout(3 * PATIENCE_S)
            start(world, connection)
            connection.settimeout(3 * PATIENCE_S)
            return read_answer(connection)

    with concurrent.futures.ThreadPoolExecutor(len(SLOW)) as pool:
        answers = [(name, pool.submit(wait, start), status) for name, start, status in SLOW]
        assert world.serves()
    for name, answer, status in answers:
        check_error(answer.result(), status)


def leave_by_reset(world, connection):
    begin_upload(world, connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def leave_half_closed(world, connection):
    begin_upload(world, connection)
    connection.shutdown(socket.SHUT_WR)
    read_answer(connection)


def ask_without_reading(world, connection):
    """Asks for more than all buffers on the way can hold."""
    connection.setblocking(False)
    request = world.fill(get(f"/api/v1/media/{world.media['id']}/content"))
    for _ in range(1000):
        try:
            connection.sendall(request)
        except BlockingIOError:
            break
    assert world.serves()


def subscribe_without_reading(world, connection):
    raw = RawSocket(world.hub)
    raw.say(type="auth", token=world.token)
    raw.socket.setblocking(False)
    try:
        for _ in range(20000):
            raw.send(0x89, b"x" * 100)
    except BlockingIOError:
        pass
    assert world.serves()
    raw.close()


LEAVERS = [
    ("in the middle of an upload", begin_upload),
    ("in the middle of an upload, by reset", leave_by_reset),
    ("in the middle of an upload, half closed", leave_half_closed),
    ("without reading answers", ask_without_reading),
    ("without reading frames", subscribe_without_reading),
    ("before an answer", lambda world, c: c.sendall(login(LOGIN))),
    ("in the middle of a head", lambda world, c: c.sendall(b"GET /health HT")),
    ("in the middle of a chunk", lambda world, c: c.sendall(chunked(b"5\r\nhe"))),
    ("before 100 Continue", lambda world, c: c.sendall(login(LOGIN, "Expect: 100-continue")[:-9])),
]


@pytest.mark.parametrize("act", rows(LEAVERS))
def test_clients_that_leave(world, act):
    with connect(world.hub) as connection:
        act(world, connection)
    wait_for(lambda: not world.incoming(), "no temporary file")
    assert world.serves()


def test_a_silent_crowd(world):
    crowd = [connect(world.hub) for _ in range(1000)]
    began = time.monotonic()
    for _ in range(100):
        assert world.serves()
    assert time.monotonic() - began < PATIENCE_S / 3
    assert world.connections() >= 900
    for connection in crowd:
        connection.close()
