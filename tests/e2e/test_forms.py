"""Forms as clients of all ages send them: the file is taken and its name made readable, or the
answer says what is wrong."""
import pytest
import requests
from harness import PATIENCE_S, SAMPLES, Hub

PHOTO = (SAMPLES / "pic2/IMG_20200124_231153.jpg").read_bytes()
HEAD = b'Content-Disposition: form-data; name="file"; '


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("forms")).start()
    hub.token = hub.login()
    yield hub
    hub.stop()
    hub.check_log()


def post(hub, body, boundary="cut"):
    answer = requests.post(hub.api + "/media/upload", body, timeout=PATIENCE_S, headers={
        "Authorization": "Bearer " + hub.token,
        "Content-Type": f"multipart/form-data; boundary={boundary}"})
    return answer.status_code, answer.json()


def form(head, before=b"", boundary=b"cut", behind=b"", line=b"\r\n"):
    return before + line.join([b"--" + boundary + behind, head, b"", PHOTO,
                               b"--" + boundary + b"--", b""])


@pytest.mark.parametrize("sent,name", [
    (b'filename="M\xfcnchen.jpg"', "München.jpg"),
    (b'filename="\x8e\xca\x90^.jpg"', "写真.jpg"),
    (b'filename="\x95\\.jpg"', "表.jpg"),
    (b'filename="a\tb.jpg"', "a b.jpg"),
    (b"filename=my photo.jpg", "my photo.jpg"),
    (b'filename="a.jpg";', "a.jpg"),
    (b"filename*=ISO-8859-1''M%FCnchen.jpg", "München.jpg"),
    (b"filename*=UTF-8''%zz.jpg; filename=\"a.jpg\"", "a.jpg"),
    (b"filename*=UTF-8''%zz.jpg", "%zz.jpg"),
    (b'filename="C:\\path\\x.jpg"', "x.jpg"),
    (b'filename="say %22cheese%22.jpg"', 'say "cheese".jpg'),
    (b'filename="=?UTF-8?Q?M=C3=BCnchen.jpg?="', "München.jpg"),
    (b'filename="one, two; three.jpg"', "one, two; three.jpg"),
    (b'filename="photo\xe2\x80\xaegpj.exe"', "photogpj.exe"),
    (b'filename="' + b"\xc3\xa4" * 150 + b'.jpg"', "ä" * 150 + ".jpg"),
    (b'filename=""', None),
], ids=lambda value: None if isinstance(value, (str, type(None))) else value[:40].decode("latin1"))
def test_names_are_made_readable(hub, sent, name):
    status, body = post(hub, form(HEAD + sent))
    assert status == 201, body
    made = body["data"]
    assert made["filename"] == name
    assert 0 < len(made["title"]) <= 255
    shown = hub.session(hub.token).get(f"{hub.api}/media/{made['id']}", timeout=PATIENCE_S).json()
    assert shown["data"]["filename"] == name
    got = hub.session(hub.token).get(f"{hub.api}/media/{made['id']}/content", timeout=PATIENCE_S)
    assert got.status_code == 200 and got.content == PHOTO


@pytest.mark.parametrize("body,boundary", [
    (form(HEAD + b'filename="a.jpg"', before=b"preamble\r\n"), "cut"),
    (form(HEAD + b'filename="a.jpg"') + b"epilogue", "cut"),
    (form(HEAD + b'filename="a.jpg"', boundary=b"a b"), '"a b"'),
    (form(HEAD + b'filename="a.jpg"', boundary=b"*****"), "*****"),
    (form(HEAD + b'filename="a.jpg"', behind=b"  "), "cut"),
    (form(b'Content-Disposition: form-data; name=""\r\n\r\nx\r\n--cut\r\n' + HEAD +
          b'filename="a.jpg"'), "cut"),
    (form(b'Content-Disposition: form-data; name="title"\r\n\r\nM\xfcller\r\n--cut\r\n' + HEAD +
          b'filename="a.jpg"'), "cut"),
], ids=["preamble", "epilogue", "blank in it", "stars", "blanks behind it", "a part without a name",
        "a title in Latin-1"])
def test_forms_are_taken(hub, body, boundary):
    status, answer = post(hub, body, boundary)
    assert status == 201, answer
    assert answer["data"]["title"] in ("a", "Müller")


@pytest.mark.parametrize("body,says", [
    (form(HEAD + b'filename="a\0.jpg"'), "NUL"),
    (form(HEAD + b'filename="a.jpg"', line=b"\n"), "CR LF"),
    (form(HEAD + b'filename="a.jpg"; filename="b.jpg"'), "twice"),
    (form(b"Content-Type: image/jpeg"), "Content-Disposition"),
    (form(b'Content-Disposition: form-data; filename="a.jpg"'), "name"),
    (form(HEAD + b'filename="a.jpg"')[:-20], "last boundary"),
    (form(HEAD + b'filename="a.jpg"', boundary=b"other"), "boundary"),
    (b"", "boundary"),
], ids=["NUL", "LF", "twice", "no disposition", "no name", "cut", "other boundary", "empty"])
def test_what_cannot_be_taken_is_told(hub, body, says):
    status, answer = post(hub, body)
    assert status == 400
    assert says in answer["error"]["message"], answer
    assert "no complete multipart" not in answer["error"]["message"]


@pytest.mark.parametrize("called,asked", [
    ("Müller", "mu\u0308ller"), ("Mu\u0308ller", "MÜLLER"), ("Straße", "STRASSE"), ("Ærø", "aero"),
    ("МОСКВА", "москва"), ("写真", "写真"), ("한글", "\u1112\u1161\u11ab"), ("naïve Café", "cafe"),
])
def test_search_knows_letters_in_every_form(hub, called, asked):
    session = hub.session(hub.token)
    made = hub.upload(session, SAMPLES / "pic2/IMG_20200124_231153.jpg", title=called).json()["data"]
    for query, found in (({"q": asked}, True), ({"q": asked, "sort": "title"}, True),
                         ({"q": asked + "x"}, False)):
        page = session.get(hub.api + "/media", params={**query, "per_page": 100},
                           timeout=PATIENCE_S).json()["data"]
        assert (made["id"] in [media["id"] for media in page]) is found
