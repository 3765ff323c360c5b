"""Backup Repository: whoever hangs up has taken the upload back, however it was sent. A backup that
failed must not push a good one out."""
import contextlib
import os
import signal
import socket
import ssl
import time

import pytest
import requests
from backup_client import BackupClient, BackupFolder, armoured
from harness import PATIENCE_S, Hub, free_port, wait_for
from raw_client import connect, read_answer
from test_tls import certificate  # noqa: F401 (a fixture)

WAIT_S = 2          # the default of backup.hangup_wait
CONTENT = armoured(5000)
PATH = "/api/stable/repository/collection/one/version"


def head(token, *fields):
    return "\r\n".join([f"POST {PATH} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}",
                        *fields, "", ""]).encode()


def chunks(*parts, end=True):
    framed = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts)
    return framed + (b"0\r\n\r\n" if end else b"")


def form(end=True):
    return (b'--cut\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\n' + CONTENT
            + (b"\r\n--cut--\r\n" if end else b""))


def sized(token, body, *fields, more=0):
    return head(token, f"Content-Length: {len(body) + more}", *fields) + body


FORM = "Content-Type: multipart/form-data; boundary=cut"
WHOLE = {
    "by length": lambda token: sized(token, CONTENT),
    "in chunks": lambda token: head(token, "Transfer-Encoding: chunked") + chunks(
        CONTENT[:2000], CONTENT[2000:]),
    "a form": lambda token: sized(token, form(), FORM),
    "a form in chunks": lambda token: head(token, "Transfer-Encoding: chunked", FORM) + chunks(form()),
}
# The message in it is whole, but the body is not.
CUT = {
    "a length that is short": lambda token: sized(token, CONTENT, more=1),
    "no last chunk": lambda token: head(token, "Transfer-Encoding: chunked") + chunks(CONTENT, end=False),
    "half a last chunk": lambda token: head(token, "Transfer-Encoding: chunked") + chunks(
        CONTENT, end=False) + b"0\r\n",
    "a form that is cut": lambda token: sized(token, form(), FORM)[:-3],
    "a form in chunks without the last": lambda token: head(
        token, "Transfer-Encoding: chunked", FORM) + chunks(form(), end=False),
}
# All of it has come, and yet there is no end of the form.
ENDLESS = {
    "a form without its end": lambda token: sized(token, form(end=False), FORM),
    "a form in chunks without its end": lambda token: head(
        token, "Transfer-Encoding: chunked", FORM) + chunks(form(end=False)),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    files = BackupFolder(tmp_path_factory.mktemp("backup") / "files")
    files.collection("one", maxBackupsCount=1)
    return files


@pytest.fixture(scope="module")
def hub(tmp_path_factory, files):
    hub = Hub(tmp_path_factory.mktemp("hub"), files.options(),
              {"MEDIAHUB_BACKUP_HANGUP_WAIT": str(WAIT_S)}).start()
    yield hub
    hub.stop()
    hub.check_log()


@pytest.fixture(scope="module")
def client(hub):
    client = BackupClient(hub)
    client.uploaded("one", armoured())
    return client


def incoming(hub):
    return os.listdir(hub.data / "store/incoming")


def leave(connection):
    connection.close()


def leave_by_reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def leave_by_ending_ones_side(connection):
    connection.shutdown(socket.SHUT_WR)


def uploads(hub):
    """How many have ended."""
    return hub.log_text().count('"operation":"backup_upload"')


def check_nothing_changed(hub, client, kept, seen):
    wait_for(lambda: uploads(hub) > seen, "the end of the upload")
    assert not incoming(hub)
    assert client.versions("one") == kept


@pytest.mark.parametrize("bytes_of", [*WHOLE.values(), *CUT.values(), *ENDLESS.values()],
                         ids=[*WHOLE, *CUT, *ENDLESS])
@pytest.mark.parametrize("how", [leave, leave_by_reset, leave_by_ending_ones_side])
def test_nothing_is_kept_of_who_hangs_up(hub, client, bytes_of, how):
    kept, seen = client.versions("one"), uploads(hub)
    connection = connect(hub)
    connection.sendall(bytes_of(client.token))
    if how is leave_by_reset and bytes_of in ENDLESS.values():
        read_answer(connection)    # it comes at once
    elif how is leave_by_reset:    # else it would overtake what was sent
        wait_for(lambda: incoming(hub), "the upload")
    how(connection)
    check_nothing_changed(hub, client, kept, seen)
    connection.close()


@pytest.mark.parametrize("bytes_of", WHOLE.values(), ids=WHOLE)
def test_who_stays_has_it_kept(hub, client, bytes_of):
    """After the wait, at once after uploads that were taken back."""
    number = client.versions("one")[0]["versionNumber"]
    with connect(hub) as connection:
        began = time.monotonic()
        connection.sendall(bytes_of(client.token))
        answer = read_answer(connection)
    assert answer.status == 200, answer
    assert time.monotonic() - began >= WAIT_S
    assert [v["versionNumber"] for v in client.versions("one")] == [number + 1]
    assert client.download("one").content == CONTENT


def test_nothing_is_kept_of_a_login_that_has_ended(hub, client):
    kept, thief = client.versions("one"), BackupClient(hub)

    def end():
        answer = client.ask("/auth/logout", "DELETE", params={"sessionId": thief.session_id})
        assert answer.status_code == 200, answer.text
    answer = hub.upload_slowly(thief.token, "/api/stable/repository/collection/one/version",
                               "application/octet-stream", armoured(100_000), end)
    assert answer.status in (401, 403)
    assert client.versions("one") == kept and not incoming(hub)


@pytest.mark.parametrize("bytes_of", ENDLESS.values(), ids=ENDLESS)
def test_a_form_without_its_end_is_refused(hub, client, bytes_of):
    kept, seen = client.versions("one"), uploads(hub)
    with connect(hub) as connection:
        connection.sendall(bytes_of(client.token))
        answer = read_answer(connection)
    assert answer.status == 400 and answer.json()["status"] is False
    check_nothing_changed(hub, client, kept, seen)


def test_more_behind_the_upload_is_no_leaving(hub, client):
    """A client may have sent its next request already."""
    number = client.versions("one")[0]["versionNumber"]
    with connect(hub) as connection:
        connection.sendall(sized(client.token, CONTENT) + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(connection).status == 200
    assert client.versions("one")[0]["versionNumber"] == number + 1


@pytest.mark.parametrize("says_so", [True, False], ids=["close_notify", "no close_notify"])
def test_over_tls(make_hub, files, certificate, says_so):
    port = free_port()
    hub = make_hub(*files.options(), "--tls-cert", str(certificate / "cert.pem"), "--tls-key",
                   str(certificate / "key.pem"), "--listen-tls", f"127.0.0.1:{port}",
                   env={"MEDIAHUB_BACKUP_HANGUP_WAIT": "0"})
    first = BackupClient(hub).uploaded("one", armoured())
    hub.stop()
    hub.env["MEDIAHUB_BACKUP_HANGUP_WAIT"] = str(WAIT_S)
    hub.start()
    client = BackupClient(hub)
    context = ssl.create_default_context(cafile=certificate / "cert.pem")
    raw = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    connection = context.wrap_socket(raw, server_hostname="localhost", do_handshake_on_connect=True)
    seen = uploads(hub)
    connection.sendall(sized(client.token, CONTENT))
    wait_for(lambda: incoming(hub), "the upload")
    if says_so:
        connection.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError):
            connection.unwrap()
    connection.close()
    check_nothing_changed(hub, client, [first], seen)


def test_a_killed_gateway_frees_its_collection_soon(make_hub, files):
    hub = make_hub(*files.options())
    hub.expect_deaths()
    client = BackupClient(hub)
    connection = connect(hub)
    connection.sendall(sized(client.token, CONTENT, more=1))
    wait_for(lambda: incoming(hub), "the upload under way")
    killed_at = time.monotonic()
    os.kill(hub.pids("mediahub-gateway")[0], signal.SIGKILL)

    def serves():
        try:
            return requests.get(hub.url + "/health", timeout=PATIENCE_S).status_code == 200
        except requests.RequestException:
            return False

    wait_for(serves, "the next gateway")
    served_at = time.monotonic()
    wait_for(lambda: client.upload("one", armoured()).status_code == 200, "a free collection")
    assert time.monotonic() - killed_at < 5 + (served_at - killed_at)
    connection.close()


def test_a_long_silent_upload_keeps_its_collection(make_hub, files):
    """Longer than the lease is: it is renewed while the client says nothing."""
    hub = make_hub(*files.options(), "--gateways", "2")
    client = BackupClient(hub)
    connection = connect(hub)
    connection.sendall(sized(client.token, CONTENT)[:-10])
    wait_for(lambda: incoming(hub), "the upload under way")
    until = time.monotonic() + 6
    while time.monotonic() < until:
        with requests.Session() as one:       # a connection of its own: to either gateway
            one.headers.update(client.http.headers)
            answer = one.post(hub.url + PATH, data=armoured(), timeout=PATIENCE_S)
        assert answer.status_code == 500 and "in parallel" in answer.text
    connection.sendall(CONTENT[-10:])
    assert read_answer(connection).status == 200
    connection.close()
