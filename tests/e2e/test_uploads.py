"""Resumable uploads: tus 1.0.0 and all its extensions, each rule and each refusal."""
import email.utils
import hashlib
import json
import os
import threading
import time
import uuid

import pytest
from harness import PATIENCE_S, SAMPLES, Hub, wait_for
from load import tiny_png
from people import add_user
from tus_client import BYTES, Tus, b64, checksum, metadata

PHOTO = (SAMPLES / "pic2/IMG_20200124_231153.jpg").read_bytes()
N = len(PHOTO)
MOST, QUOTA = 2 * N, 6 * N
EXTENSIONS = {"creation", "creation-with-upload", "creation-defer-length", "checksum", "checksum-trailer",
              "expiration", "termination", "concatenation", "concatenation-unfinished"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("tus"),
              ["--upload-max-bytes", str(MOST), "--quota-bytes", str(QUOTA), "--gateways", "2",
               "--cors-origins", "https://app.example"]).start()
    yield hub
    hub.stop()
    hub.check_log()


@pytest.fixture
def user(hub):
    user_id, session = add_user(hub, "u" + uuid.uuid4().hex[:12])
    tus = Tus(hub, session.headers["Authorization"].split()[1])
    tus.session, tus.user_id = session, user_id
    return tus


def media_of(user, answer):
    """The media that an answer tells of; its bytes are right."""
    assert answer["Content-Location"] == "/api/v1/media/" + answer["Media-Id"], answer
    made = user.session.get(f"{user.hub.url}{answer['Content-Location']}", timeout=PATIENCE_S).json()["data"]
    got = user.session.get(f"{user.hub.api}/media/{made['id']}/content", timeout=PATIENCE_S).content
    assert "sha256:" + hashlib.sha256(got).hexdigest() == made["checksum"]
    return {**made, "content": got}


def total(user):
    page = user.session.get(user.hub.api + "/media", timeout=PATIENCE_S).json()
    return page["meta"]["pagination"]["total"]


def code(answer):
    return json.loads(answer.body)["error"]["code"]


def fields(answer):
    return [d["field"] for d in json.loads(answer.body)["error"]["details"]]


def files(hub):
    return os.listdir(hub.data / "store/partial")


def test_what_is_spoken(hub, user):
    for path in ("/uploads", "/uploads/upl_x"):
        for told in ({"Tus_Resumable": None, "Authorization": None}, {"Tus_Resumable": "0.2.2"}):
            answer = user.ask("OPTIONS", path, **told)
            assert answer.status == 204 and answer["Tus-Resumable"] == "1.0.0"
            assert answer["Tus-Version"] == "1.0.0" and answer["Tus-Max-Size"] == str(MOST)
            assert set(answer["Tus-Extension"].split(",")) == EXTENSIONS
            assert {"sha1", "sha256", "md5"} <= set(answer["Tus-Checksum-Algorithm"].split(","))
    preflight = user.ask("OPTIONS", Origin="https://app.example", Access_Control_Request_Method="PATCH",
                         Access_Control_Request_Headers="upload-offset")
    assert preflight.status == 204 and "PATCH" in preflight["Access-Control-Allow-Methods"]
    assert "Upload-Checksum" in preflight["Access-Control-Allow-Headers"]
    seen = user.ask("HEAD", user.create(10), Origin="https://app.example")
    assert {"Upload-Offset", "Upload-Expires", "Media-Id"} <= set(
        seen["Access-Control-Expose-Headers"].split(", "))


def test_another_version_does_nothing(hub, user):
    path = user.create(10)
    for told in (None, "0.2.2", "1.0.1", ""):
        for ask in (lambda: user.ask("POST", Upload_Length=10, Tus_Resumable=told),
                    lambda: user.ask("HEAD", path, Tus_Resumable=told),
                    lambda: user.patch(path, 0, b"x", Tus_Resumable=told),
                    lambda: user.ask("DELETE", path, Tus_Resumable=told)):
            answer = ask()
            assert answer.status == 412 and answer["Tus-Version"] == "1.0.0", answer
            assert answer["Tus-Resumable"] == "1.0.0" and answer["Upload-Offset"] is None
    assert user.head(path).offset == 0
    # Every answer says the version, also those from before anybody looked.
    for answer in (user.ask("POST", Authorization=None), user.ask("HEAD", "/uploads/upl_x"),
                   user.ask("PATCH", path, b"x", Content_Encoding="gzip")):
        assert answer.status in (401, 404, 415) and answer["Tus-Resumable"] == "1.0.0", answer


def test_an_upload_in_pieces(hub, user):
    told = metadata(filename="../sea ä.jpg", filetype="text/plain", title="Sea", description="Dark.",
                    tags="sea, night", is_confidential="")
    path = user.create(N, Upload_Metadata=told)
    seen = user.head(path)
    assert seen.status == 200 and seen.offset == 0 and seen["Upload-Length"] == str(N), seen
    assert seen["Upload-Metadata"] == told and seen["Cache-Control"] == "no-store"
    assert seen["Upload-Concat"] is None and seen["Upload-Defer-Length"] is None and seen["Media-Id"] is None
    at, size = 0, N // 5
    while at < N:
        answer = user.patch(path, at, PHOTO[at:at + size])
        at = min(at + size, N)
        assert answer.status == 204 and answer.offset == at and answer.body == b"", answer
        if at < N:
            assert user.head(path).offset == at
            ends = email.utils.parsedate_to_datetime(answer["Upload-Expires"]).timestamp()
            assert 100000 < ends - time.time() < 173000
    made = media_of(user, answer)
    assert made["content"] == PHOTO
    assert {key: made[key] for key in ("filename", "title", "description", "tags", "mime_type", "user_id")} == {
        "filename": "sea ä.jpg", "title": "Sea", "description": "Dark.", "tags": ["sea", "night"],
        "mime_type": "image/jpeg", "user_id": user.user_id}
    # The same is told whoever asks again, and nothing is made twice.
    for again in (user.head(path), user.patch(path, N, b""), user.head(path)):
        assert again.offset == N and again["Media-Id"] == made["id"] and again["Upload-Expires"] is None, again
    assert user.patch(path, N, b"x").status == 413 and user.patch(path, 0, b"x").status == 409
    assert total(user) == 1
    assert not [name for name in files(hub) if name.startswith(path.rsplit("/", 1)[1])]
    # It ends, the media stays.
    assert user.ask("DELETE", path).status == 204
    assert user.head(path).status == 404 and total(user) == 1


def test_where_bytes_may_go(hub, user):
    path = user.create(N)
    assert user.patch(path, 0, PHOTO[:5000]).offset == 5000
    for offset in (0, 4999, 5001, N, N + 1, 2**62):
        answer = user.patch(path, offset, b"x")
        assert answer.status == 409 and code(answer) == "conflict" and answer.offset == 5000, answer
    for offset in (None, "", "-1", "x", "5000.0", "0x10", 2**63, 10**30):
        answer = user.patch(path, offset, b"x")
        assert answer.status == 400 and fields(answer) == ["Upload-Offset"], answer
    for kind in (None, "application/octet-stream", "image/jpeg", BYTES + "x"):
        answer = user.patch(path, 5000, b"x", Content_Type=kind)
        assert answer.status == 415, answer
    assert user.patch(path, 5000, PHOTO[5000:] + b"x").status == 413
    assert user.patch(path, 5000, iter([PHOTO[5000:], b"x"])).status == 413
    assert user.patch(path, 5000, b"").offset == 5000
    assert user.head(path).offset == 5000
    answer = user.patch(path, 5000, iter([PHOTO[5000:9000], PHOTO[9000:]]), Content_Type=BYTES + "; a=b")
    assert answer.status == 204 and media_of(user, answer)["content"] == PHOTO
    for unknown in ("/uploads/upl_01H1QW8N5JZJ00X4Q2K7B3C9D6", "/uploads/x", "/uploads/..%2f", "/uploads/media_1"):
        for answer in (user.head(unknown), user.patch(unknown, 0, b"x"), user.ask("DELETE", unknown)):
            assert answer.status in (400, 404) and answer.offset is None, answer
    assert user.ask("GET", path).status == 405 and user.ask("PUT", path, b"x").status == 405


def test_only_the_owner(hub, user):
    path = user.create(N)
    user.patch(path, 0, PHOTO[:5000])
    for other in (Tus(hub, add_user(hub, "v" + uuid.uuid4().hex[:12])[1].headers["Authorization"].split()[1]),
                  Tus(hub, hub.login())):
        for answer in (other.head(path), other.patch(path, 5000, b"x"), other.ask("DELETE", path)):
            assert answer.status == 404 and answer.offset is None
        assert fields(other.ask("POST", Upload_Concat="final;" + path)) == ["Upload-Concat"]
    assert user.ask("HEAD", path, Authorization=None).status == 401
    assert user.head(path).offset == 5000


def test_creation_refused_at_once(hub, user):
    def refused(status, *where, body=None, **headers):
        answer = user.ask("POST", body=body, **headers)
        assert (answer.status, fields(answer)) == (status, list(where)), answer

    refused(400, "Upload-Length")
    refused(400, "Upload-Length", Upload_Length=10, Upload_Defer_Length=1)
    for length in ("-1", "x", "", "1.5", 2**63):
        refused(400, "Upload-Length", Upload_Length=length)
    refused(400, "Upload-Length", Upload_Length=0)
    for defer in ("0", "2", "", "true"):
        refused(400, "Upload-Defer-Length", Upload_Defer_Length=defer)
    refused(413, "Upload-Length", Upload_Length=MOST + 1)
    for bad in ("filename x", "filename =", "filename a b", "a YQ==,a YQ==", "a YQ==,,b", ",", " ", "a YQ=",
                ",".join(f"k{n}" for n in range(33))):
        if bad != " ":
            refused(400, "Upload-Metadata", Upload_Length=10, Upload_Metadata=bad)
    refused(400, "title", Upload_Length=10, Upload_Metadata=metadata(title="t" * 256))
    refused(400, "title", Upload_Length=10, Upload_Metadata=metadata(title="a\r\nb"))
    refused(404, "collection_id", Upload_Length=10, Upload_Metadata=metadata(collection_id="col_1"))
    refused(415, Upload_Length=10, body=b"x", Content_Type="image/jpeg")
    refused(415, Upload_Length=10, body=b"x")
    for concat in ("", "Partial", "final", "final;", "final; ", "final;/x", "final;/api/v1/media/upl_x"):
        refused(400, "Upload-Concat", Upload_Length=10, Upload_Concat=concat)
    refused(400, "Upload-Length", Upload_Length=10, Upload_Concat="final;/api/v1/uploads/upl_x")
    refused(400, "Upload-Concat", Upload_Concat="final;/api/v1/uploads/upl_x")
    refused(400, "Upload-Concat", Upload_Concat="final;" + user.create(10))      # no piece
    # What the account has no room for.
    for _ in range(3):
        answer = user.ask("POST", body=PHOTO, Upload_Length=N, Content_Type=BYTES)
        assert media_of(user, answer)["content"] == PHOTO
    assert user.create(3 * N, 413) and user.create(2 * N)
    user.ask("POST", body=PHOTO, Upload_Length=N, Content_Type=BYTES)
    user.ask("POST", body=PHOTO, Upload_Length=N, Content_Type=BYTES)
    refused(507, "Upload-Length", Upload_Length=N + 1)


def test_creation_with_upload(hub, user):
    answer = user.ask("POST", body=PHOTO[:5000], Upload_Length=N, Content_Type=BYTES, Expect="100-continue")
    assert answer.status == 201 and answer.offset == 5000 and answer["Upload-Expires"], answer
    path = answer["Location"]
    assert user.head(path).offset == 5000
    answer = user.patch(path, 5000, PHOTO[5000:])
    assert media_of(user, answer)["content"] == PHOTO
    answer = user.ask("POST", body=b"", Upload_Length=N, Content_Type=BYTES)
    assert answer.status == 201 and answer.offset == 0
    whole = user.ask("POST", body=tiny_png(1), Upload_Length=len(tiny_png(1)), Content_Type=BYTES)
    assert whole.offset == len(tiny_png(1)) and media_of(user, whole)["content"] == tiny_png(1)
    assert user.head(whole["Location"])["Media-Id"] == whole["Media-Id"]
    wrong = user.ask("POST", body=PHOTO[:99], Upload_Length=N, Content_Type=BYTES, Upload_Checksum=checksum(b"x"))
    assert wrong.status == 460
    assert user.ask("POST", body=b"x" * 11, Upload_Length=10, Content_Type=BYTES).status == 413


def test_the_length_comes_later(hub, user):
    path = user.ask("POST", Upload_Defer_Length=1)["Location"]
    seen = user.head(path)
    assert seen["Upload-Defer-Length"] == "1" and seen["Upload-Length"] is None and seen.offset == 0
    assert user.patch(path, 0, PHOTO[:5000]).offset == 5000
    assert user.head(path)["Upload-Defer-Length"] == "1"
    for length, status in ((4999, 400), ("x", 400), (MOST + 1, 413)):
        answer = user.patch(path, 5000, b"x", Upload_Length=length)
        assert answer.status == status and fields(answer) == ["Upload-Length"], answer
    assert user.patch(path, 5000, PHOTO[5000:6000], Upload_Length=N).offset == 6000
    seen = user.head(path)
    assert seen["Upload-Defer-Length"] is None and seen["Upload-Length"] == str(N)
    assert fields(user.patch(path, 6000, b"x", Upload_Length=N + 1)) == ["Upload-Length"]
    answer = user.patch(path, 6000, PHOTO[6000:], Upload_Length=N)
    assert media_of(user, answer)["content"] == PHOTO
    # With the last bytes, or after them.
    path = user.ask("POST", body=tiny_png(2), Upload_Defer_Length=1, Content_Type=BYTES)["Location"]
    answer = user.patch(path, len(tiny_png(2)), b"", Upload_Length=len(tiny_png(2)))
    assert media_of(user, answer)["content"] == tiny_png(2)
    path = user.ask("POST", Upload_Defer_Length=1)["Location"]
    assert user.patch(path, 0, iter([bytes(MOST), b"x"])).status in (413, 415)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512", "md5"])
def test_checksums(hub, user, algorithm):
    path, half = user.create(N), N // 2
    first, second = PHOTO[:half], PHOTO[half:]
    for bad, status in ((checksum(second, algorithm), 460), (algorithm + " " + b64(b"x"), 460), ("crc7 YQ==", 400),
                        (algorithm, 400), (algorithm + " ?", 400), ("", 400), (algorithm.upper() + " YQ==", 400)):
        answer = user.patch(path, 0, first, Upload_Checksum=bad)
        assert answer.status == status, answer
        assert user.head(path).offset == 0
    assert user.patch(path, 0, first, Upload_Checksum=checksum(first, algorithm)).offset == half
    assert code(user.patch(path, half, second, Upload_Checksum=checksum(first, algorithm))) == "checksum_mismatch"
    assert user.head(path).offset == half
    # Of what stopped in the middle nothing was proven.
    sock = user.begin(path, half, len(second), second[:-9], Upload_Checksum=checksum(second, algorithm))
    file = hub.data / "store/partial" / path.rsplit("/", 1)[1]
    wait_for(lambda: file.stat().st_size > half, "some of it in the file")
    assert user.head(path).offset == half
    sock.close()
    assert wait_for(lambda: user.patch(path, half, b"").status == 204, "the end of the one who left")
    assert user.head(path).offset == half
    answer = user.patch(path, half, second, Upload_Checksum=checksum(second, algorithm))
    assert media_of(user, answer)["content"] == PHOTO


def test_checksums_behind_the_body(hub, user):
    path, half = user.create(N), N // 2
    first, second = PHOTO[:half], PHOTO[half:]
    refusals = [
        ("Upload-Checksum: " + checksum(second) + "\r\n", "Upload-Checksum", 460),
        ("Upload-Checksum: crc7 YQ==\r\n", "upload-checksum, X", 400),
        ("Upload-Checksum: nonsense\r\n", "Upload-Checksum", 400),
        ("X: y\r\n", "X, Upload-Checksum", 400),              # announced, and never came
        ("", "Upload-Checksum", 400),
        ("Upload-Checksum: a" + "b" * 9000 + "\r\n", "Upload-Checksum", 400),
    ]
    for trailer, announced, status in refusals:
        answer = user.patch_with_trailer(path, 0, first, trailer, announced)
        assert answer.status == status, (trailer[:50], answer)
        assert wait_for(lambda: user.head(path).offset == 0, "nothing")
    right = "X-Other: 1\r\nUpload-Checksum: " + checksum(first, "sha256") + "\r\n"
    assert user.patch_with_trailer(path, 0, first, right, piece=70000).offset == half
    # What nobody announced is dropped, as any trailer is.
    answer = user.patch_with_trailer(path, half, second, "Upload-Checksum: sha1 YQ==\r\n", None)
    assert media_of(user, answer)["content"] == PHOTO


def test_methods_that_a_client_cannot_send(hub, user):
    path = user.create(N)
    told = {"Upload_Offset": 0, "Content_Type": BYTES}
    answer = user.ask("POST", path, PHOTO[:5000], X_HTTP_Method_Override="PATCH", **told)
    assert answer.status == 204 and answer.offset == 5000, answer
    answer = user.ask("POST", path, X_HTTP_Method_Override="HEAD")
    assert answer.status == 200 and answer.offset == 5000
    assert user.ask("GET", path, X_HTTP_Method_Override="DELETE").status == 204
    assert user.ask("POST", path, X_HTTP_Method_Override="HEAD").status == 404
    assert user.ask("POST", path, X_HTTP_Method_Override="FETCH").status == 405
    # Nowhere else.
    answer = user.ask("POST", "/users/me", X_HTTP_Method_Override="PATCH")
    assert answer.status == 405
    assert user.ask("GET", "/users/me", X_HTTP_Method_Override="PATCH").status == 200


def test_termination(hub, user):
    path = user.create(N)
    user.patch(path, 0, PHOTO[:100000])
    name = path.rsplit("/", 1)[1]
    assert {name, name + ".hash"} <= set(files(hub))
    gone = user.ask("DELETE", path)
    assert gone.status == 204 and gone.body == b""
    for answer in (user.head(path), user.patch(path, 100000, b"x"), user.ask("DELETE", path)):
        assert answer.status == 404
    assert not {name, name + ".hash"} & set(files(hub))
    # Also under the hands of somebody who writes.
    path = user.create(N)
    name = path.rsplit("/", 1)[1]
    sock = user.begin(path, 0, N, PHOTO[:100000])
    wait_for(lambda: user.head(path).offset, "the first bytes")
    assert user.ask("DELETE", path).status == 204
    sock.sendall(PHOTO[100000:])
    assert sock.recv(100).startswith(b"HTTP/1.1 404"), "it is gone"
    sock.close()
    wait_for(lambda: not {name, name + ".hash"} & set(files(hub)), "the end of its files")
    assert total(user) == 0


def test_two_at_once(hub, user):
    path = user.create(N)
    sock = user.begin(path, 0, N, PHOTO[:200000])
    wait_for(lambda: user.head(path).offset, "the first bytes")
    for answer in (user.patch(path, 0, b"other"), user.patch(path, user.head(path).offset, b"other")):
        assert answer.status in (409, 423), answer
    sock.sendall(PHOTO[200000:])
    assert sock.recv(100).startswith(b"HTTP/1.1 204")
    sock.close()
    assert media_of(user, user.head(path))["content"] == PHOTO
    for _ in range(5):
        path, answers = user.create(N), []
        threads = [threading.Thread(target=lambda: answers.append(user.patch(path, 0, PHOTO))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {a.status for a in answers} <= {204, 409, 413, 423}, answers
        ended = [a for a in answers if a.status == 204]
        assert len(ended) == 1, answers
        made = media_of(user, user.head(path))
        assert made["content"] == PHOTO and made["id"] == ended[0]["Media-Id"]
        user.session.delete(f"{hub.api}/media/{made['id']}", timeout=PATIENCE_S)
    assert total(user) == 1
    # The last byte, and at the same time others who look how far it is.
    path = user.create(N)
    user.patch(path, 0, PHOTO[:-1])
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(user.head(path))) for _ in range(4)]
    threads.insert(2, threading.Thread(target=lambda: answers.append(user.patch(path, N - 1, PHOTO[-1:]))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({a["Media-Id"] for a in answers if a.offset == N}) == 1 and total(user) == 2, answers


def test_what_is_no_photo_leaves_nothing(hub, user):
    for body in (bytes(9000), b"text" * 3000, b"x"):
        path = user.create(len(body) if len(body) < 9000 else 20000)
        answer = user.patch(path, 0, body)
        assert answer.status == 415 and code(answer) == "unsupported_media_type", answer
        assert user.head(path).status == 404
    # As soon as it can be seen, whatever was announced.
    sock = user.begin(path := user.create(N), 0, N, bytes(100000))
    assert sock.recv(100).startswith(b"HTTP/1.1 415")
    sock.close()
    assert user.head(path).status == 404 and total(user) == 0


def test_a_quota_that_is_reached_in_the_middle(hub, user):
    """What each had room for when it began: the one that ends last waits until there is some again."""
    paths = [user.create(MOST - n) for n in range(4)]
    for n, path in enumerate(paths):
        assert user.patch(path, 0, PHOTO + bytes(MOST - N - n - 1)).status == 204
    assert [user.patch(path, MOST - n - 1, b"x").status for n, path in enumerate(paths)] == [204, 204, 204, 507]
    full = user.head(paths[3])
    assert full.status == 507 and full.offset is None and total(user) == 3
    assert user.patch(paths[3], MOST - 3, b"").status == 507
    first = user.head(paths[0])["Media-Id"]
    assert user.session.delete(f"{hub.api}/media/{first}", timeout=PATIENCE_S).status_code == 200
    made = media_of(user, user.head(paths[3]))
    assert made["content"] == PHOTO + bytes(MOST - N - 4) + b"x" and total(user) == 3
    # The media is gone; what has become of the upload is told as it was, and nothing is made anew.
    assert user.head(paths[0])["Media-Id"] == first and total(user) == 3


def test_the_same_creation_again(hub, user):
    key = {"Idempotency_Key": uuid.uuid4().hex}
    first = user.create(N, **key)
    assert user.create(N, **key) == first
    assert user.create(N + 1, 422, **key)


def test_concatenation(hub, user):
    cuts = [0, 1000, 1000, N // 2, N]
    pieces = []
    for start, end in zip(cuts, cuts[1:]):
        path = user.create(end - start, Upload_Concat="partial", Upload_Metadata=metadata(filename="piece"))
        assert user.patch(path, 0, PHOTO[start:end]).offset == end - start
        seen = user.head(path)
        assert seen["Upload-Concat"] == "partial" and seen["Media-Id"] is None and seen.offset == end - start
        pieces.append(path)
    assert total(user) == 0
    concat = "final;" + " ".join([hub.url + pieces[0], *pieces[1:]])
    answer = user.ask("POST", Upload_Concat=concat, Upload_Metadata=metadata(filename="whole.jpg", title="W"))
    assert answer.status == 201, answer
    made = media_of(user, answer)
    assert made["content"] == PHOTO and made["filename"] == "whole.jpg" and made["title"] == "W"
    seen = user.head(answer["Location"])
    assert seen.offset == N and seen["Upload-Length"] == str(N) and seen["Upload-Concat"] == concat
    assert seen["Media-Id"] == made["id"]
    refused = user.patch(answer["Location"], N, b"")
    assert refused.status == 403 and user.patch(answer["Location"], 0, b"x").status == 403
    # A piece may be used again, also twice.
    tiny = user.create(len(tiny_png(3)), Upload_Concat="partial")
    user.patch(tiny, 0, tiny_png(3))
    for concat in (pieces, [*pieces], [tiny], [tiny, tiny]):
        again = user.ask("POST", Upload_Concat="final;" + " ".join(concat))
        assert again.status == 201 and again["Media-Id"] not in (None, made["id"]), again
    assert media_of(user, again)["content"] == 2 * tiny_png(3)
    assert total(user) == 5


def test_concatenation_of_what_is_under_way(hub, user):
    half = N // 2
    one, two = (user.create(n, Upload_Concat="partial") for n in (half, N - half))
    user.patch(one, 0, PHOTO[:half])
    final = user.create(None, Upload_Concat=f"final;{one} {two}")
    seen = user.head(final)
    assert seen.status == 200 and seen.offset is None and seen["Upload-Length"] == str(N), seen
    assert user.patch(final, 0, b"x").status == 403
    assert user.patch(two, 0, PHOTO[half:half + 100]).offset == 100
    assert user.head(final).offset is None and total(user) == 0
    answer = user.patch(two, 100, PHOTO[half + 100:])
    assert answer.status == 204 and answer["Media-Id"] is None
    seen = wait_for(lambda: (seen := user.head(final)).offset and seen, "the whole")
    assert seen.offset == N and media_of(user, seen)["content"] == PHOTO and total(user) == 1
    # A length that is not known yet; what becomes too large, or no photo; a piece that is gone.
    one = user.ask("POST", Upload_Defer_Length=1, Upload_Concat="partial")["Location"]
    final = user.create(None, Upload_Concat="final;" + one)
    assert user.head(final)["Upload-Length"] is None
    assert user.ask("DELETE", one).status == 204 and user.head(final).status == 404
    two, three = (user.create(MOST - 5, Upload_Concat="partial") for _ in range(2))
    assert user.ask("POST", Upload_Concat=f"final;{two} {three}").status == 413
    text = user.create(4, Upload_Concat="partial")
    assert user.patch(text, 0, b"text").status == 204
    answer = user.ask("POST", Upload_Concat="final;" + text)
    assert answer.status == 415 and user.head(text).offset == 4 and total(user) == 1
