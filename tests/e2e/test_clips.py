"""Clips as cameras and programs really write them: which streams count, how long they are, what the
poster shows, what becomes of them as a rendition. ffprobe and ffmpeg are the oracles."""
import json
import struct
import subprocess

import pytest
from harness import PATIENCE_S, SAMPLES, wait_for
from socket_client import SocketClient

WIDTH, HEIGHT, RATE = 320, 180, 25
RED, GREEN, BLUE, YELLOW, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255,) * 3
CORNERS = [RED, GREEN, BLUE, YELLOW]                      # upper left, upper right, lower ones
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]


def ffmpeg(*arguments, **options):
    subprocess.run(["ffmpeg", "-v", "fatal", "-nostdin", "-y", *map(str, arguments)], check=True,
                   **options)


def probe(path):
    out = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_streams",
                          "-show_format", "-of", "json", str(path)], check=True,
                         capture_output=True).stdout
    return json.loads(out)


def stream_of(path, kind):
    return next((s for s in probe(path)["streams"] if s["codec_type"] == kind), None)


def frames_of(path):
    return int(stream_of(path, "video")["nb_read_packets"])


def flag_picture():
    """A colour in each corner, white in the middle, grey elsewhere."""
    rows = []
    for y in range(HEIGHT):
        row = [(90, 90, 90)] * WIDTH
        if y < 40 or y >= HEIGHT - 40:
            left, right = (RED, GREEN) if y < 40 else (BLUE, YELLOW)
            row[:60], row[-60:] = [left] * 60, [right] * 60
        elif 60 <= y < 120:
            row[120:200] = [WHITE] * 80
        rows.append(row)
    return bytes(value for row in rows for pixel in row for value in pixel)


class Picture:
    """The first frame of something, in RGB."""

    def __init__(self, path):
        first = stream_of(path, "video")
        raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", "-f",
                              "rawvideo", "-pix_fmt", "rgb24", "-vf", "scale=iw:ih", "-"],
                             check=True, capture_output=True).stdout
        self.width, self.height = first["width"], first["height"]
        if len(raw) == self.width * self.height * 3 and self._turned(first):
            self.width, self.height = self.height, self.width
        self.raw = raw

    @staticmethod
    def _turned(stream):
        return any(abs(side.get("rotation", 0)) == 90 for side in stream.get("side_data_list", []))

    def at(self, x, y):
        """Between 0 and 1 from the upper left corner."""
        at = (int(y * (self.height - 1)) * self.width + int(x * (self.width - 1))) * 3
        return tuple(self.raw[at:at + 3])

    def corners(self):
        return [self.at(x, y) for y in (0.06, 0.94) for x in (0.06, 0.94)]

    def brightness(self):
        return sum(self.raw) / len(self.raw)


def near(a, b, by=45):
    return all(abs(x - y) <= by for x, y in zip(a, b))


def shows(picture, corners, by=45):
    assert all(near(a, b, by) for a, b in zip(picture.corners(), corners)), (picture.corners(), corners)


class Found:
    """What became of an upload."""

    def __init__(self, media, folder, session, hub):
        self.media, self.folder, self.session, self.hub = media, folder, session, hub

    def __getattr__(self, name):
        return self.media[name]

    def fetch(self, path, name):
        answer = self.session.get(self.hub.url + path, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        target = self.folder / name
        target.write_bytes(answer.content)
        return target

    def poster(self):
        return Picture(self.fetch(f"/api/v1/media/{self.id}/thumbnail?size=large", "poster"))

    def rendition(self):
        assert "720p" in self.variants, self.media
        return self.fetch(f"/api/v1/media/{self.id}/content?variant=720p", "720p.mp4")

    def code(self):
        return self.failure and self.failure["code"]


@pytest.fixture(scope="module")
def session(hub):
    return hub.session()


@pytest.fixture(scope="module")
def hub(make_shared_hub):
    return make_shared_hub("--workers", "2")


@pytest.fixture
def look(hub, session, tmp_path):
    """Uploads a file and waits until nothing is under way with it."""
    def done(media_id):
        media = session.get(f"{hub.api}/media/{media_id}", timeout=PATIENCE_S).json()["data"]
        if media["status"] == "processing":
            return None
        answer = session.get(f"{hub.api}/media/{media_id}/content?variant=720p", timeout=PATIENCE_S)
        return None if "Retry-After" in answer.headers else session.get(
            f"{hub.api}/media/{media_id}", timeout=PATIENCE_S).json()["data"]

    def upload(path):
        answer = hub.upload(session, path)
        assert answer.status_code == 201, answer.text
        media = wait_for(lambda: done(answer.json()["data"]["id"]), f"the end of work on {path}",
                         3 * PATIENCE_S)
        return Found(media, tmp_path, session, hub)
    return upload


@pytest.fixture(scope="module")
def flag(tmp_path_factory):
    """Three seconds of the flag with a key frame each second, and a tone."""
    path = tmp_path_factory.mktemp("flag") / "flag.mp4"
    ffmpeg("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", RATE, "-i", "-",
           "-f", "lavfi", "-i", "sine=440:r=48000:d=3", *X264, "-g", RATE, "-c:a", "aac", "-shortest",
           "-movflags", "+faststart", path, input=flag_picture() * 3 * RATE)
    return path


@pytest.fixture
def make(flag, tmp_path):
    """ffmpeg with the flag as its first input: make(name, arguments...) gives the file's path."""
    def run(name, *arguments):
        path = tmp_path / name
        ffmpeg("-i", flag, *arguments, path)
        return path
    return run


def cut(path, percent):
    data = path.read_bytes()
    target = path.with_name("cut-" + path.name)
    target.write_bytes(data[:len(data) * percent // 100])
    return target


# Times and frames


def test_a_variable_rate_stays_one(make, look):
    """WebM writes times in milliseconds, from which a rate of 1000 was made."""
    path = make("vfr.webm", "-an", "-vf", "setpts='(N*40+mod(N,3)*9)/1000/TB'", "-fps_mode", "vfr",
                "-enc_time_base", "1:1000", "-c:v", "libvpx", "-deadline", "realtime", "-b:v", "200k")
    found = look(path)
    made = found.rendition()
    assert frames_of(path) == 75 and 70 <= frames_of(made) <= 75
    assert abs(found.duration - float(probe(made)["format"]["duration"])) < 0.2
    assert int(stream_of(made, "video")["level"]) <= 31


def test_a_gap_of_hours_is_no_work(make, look):
    path = make("gap.mkv", "-an", "-frames:v", 50, "-vf", "setpts='PTS+gt(N,25)*36000/TB'",
                "-fps_mode", "vfr", *X264)
    found = look(path)
    assert found.duration > 36000
    assert 48 <= frames_of(found.rendition()) <= 50


def test_more_than_60_frames_a_second_are_thinned_out(make, look):
    path = make("fast.mp4", "-an", "-vf", "setpts=PTS/6", "-r", 150, *X264)
    assert frames_of(path) == 75
    assert 25 <= frames_of(look(path).rendition()) <= 31


@pytest.mark.parametrize("rate", ["60000/1001", "24000/1001"])
def test_usual_rates_keep_every_frame(make, look, rate):
    path = make("usual.mkv", "-an", "-r", rate, *X264)
    assert abs(frames_of(look(path).rendition()) - frames_of(path)) <= 1


# Which streams count


@pytest.fixture
def still(flag, tmp_path):
    path = tmp_path / "still.jpg"
    ffmpeg("-f", "lavfi", "-i", "color=magenta:s=600x600", "-frames:v", 1, path)
    return path


def is_the_flag(found):
    assert (found.type, found.width, found.height) == ("video", WIDTH, HEIGHT), found.media
    shows(found.poster(), CORNERS)
    video = stream_of(found.rendition(), "video")
    assert (video["width"], video["height"]) == (WIDTH, HEIGHT)
    assert frames_of(found.folder / "720p.mp4") == 75


def test_a_cover_is_not_the_film(make, look, still):
    is_the_flag(look(make("cover.mp4", "-i", still, "-map", 1, "-map", 0, "-c", "copy",
                          "-disposition:v:0", "attached_pic")))


@pytest.mark.parametrize("name", ["first.mp4", "first.mkv"])
def test_a_track_of_one_frame_is_not_the_film(make, look, still, name):
    is_the_flag(look(make(name, "-i", still, "-map", 1, "-map", 0, "-c", "copy", "-c:v:0", "mjpeg")))


def test_seventy_subtitles_do_no_harm(make, look, tmp_path):
    lines = tmp_path / "lines.srt"
    lines.write_text("1\n00:00:00,500 --> 00:00:01,500\nhello\n")
    is_the_flag(look(make("subtitles.mkv", "-i", lines, "-map", 0, *["-map", "1"] * 70, "-c", "copy")))


def rename_codec(path, old, new):
    data = path.read_bytes()
    assert data.count(old) >= 1
    path.write_bytes(data.replace(old, new))
    return path


def test_sound_of_an_unknown_codec_is_left_out(make, look):
    path = rename_codec(make("unknown.mp4", "-c", "copy"), b"mp4a", b"zz4a")
    rename_codec(path, b"esds", b"zzds")
    found = look(path)
    is_the_flag(found)
    assert stream_of(found.folder / "720p.mp4", "audio") is None


def test_the_next_sound_takes_its_place(make, look):
    path = make("next.mp4", "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c:v", "copy", "-c:a:0", "ac3",
                "-c:a:1", "aac")
    found = look(rename_codec(path, b"ac-3", b"zz-3"))
    is_the_flag(found)
    assert stream_of(found.folder / "720p.mp4", "audio")["codec_name"] == "aac"


def test_damaged_sound_leaves_the_picture(look):
    found = look(SAMPLES / "movie2/movie-hello.ogg")
    made = found.rendition()
    assert frames_of(made) >= 240
    assert abs(float(probe(made)["format"]["duration"]) - 8.3) < 0.5


# What the picture shows


@pytest.mark.parametrize("transfer", ["arib-std-b67", "smpte2084"])
def test_hdr_comes_down_to_ordinary_screens(make, look, transfer):
    path = make("hdr.mov", "-an", "-frames:v", 30, "-vf",
                "setparams=color_primaries=bt709:color_trc=bt709:colorspace=smpte170m:range=tv,"
                "zscale=t=linear:npl=203,format=gbrpf32le,"
                f"zscale=t={transfer}:p=bt2020:m=bt2020nc:r=tv:npl=203,format=yuv420p10le",
                "-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params",
                f"log-level=none:colorprim=bt2020:colormatrix=bt2020nc:transfer={transfer}")
    assert stream_of(path, "video")["color_transfer"] == transfer
    found = look(path)
    poster, rendition = found.poster(), Picture(found.rendition())
    for picture in poster, rendition:
        shows(picture, CORNERS, 70)
        assert near(picture.at(0.5, 0.5), WHITE, 15), picture.at(0.5, 0.5)
    shows(poster, rendition.corners(), 25)
    video = stream_of(found.folder / "720p.mp4", "video")
    assert [video["color_transfer"], video["color_primaries"], video["color_space"]] == ["bt709"] * 3


ONE = 1 << 16
R, G, B, Y = CORNERS
MATRICES = {                                              # a, b, c, d of the matrix, and what is seen
    "upright": ((ONE, 0, 0, ONE), [R, G, B, Y]),
    "mirrored": ((-ONE, 0, 0, ONE), [G, R, Y, B]),
    "half": ((-ONE, 0, 0, -ONE), [Y, B, G, R]),
    "flipped": ((ONE, 0, 0, -ONE), [B, Y, R, G]),
    "transposed": ((0, ONE, ONE, 0), [R, B, G, Y]),
    "right": ((0, ONE, -ONE, 0), [B, R, Y, G]),
    "transversed": ((0, -ONE, -ONE, 0), [Y, G, B, R]),
    "left": ((0, -ONE, ONE, 0), [G, Y, R, B]),
}


@pytest.mark.parametrize("turn", MATRICES)
def test_poster_and_rendition_are_turned_alike(make, look, turn):
    (a, b, c, d), seen = MATRICES[turn]
    path = make("turned.mp4", "-an", "-c", "copy", "-frames:v", 25)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at:at + 36] = struct.pack(">9i", a, b, 0, c, d, 0,
                                   WIDTH * ONE if min(a, c) < 0 else 0,
                                   HEIGHT * ONE if min(b, d) < 0 else 0, 1 << 30)
    path.write_bytes(data)
    found = look(path)
    upright = (WIDTH, HEIGHT) if a else (HEIGHT, WIDTH)
    assert (found.width, found.height) == upright
    for picture in found.poster(), Picture(found.rendition()):
        assert (picture.width, picture.height) == upright
        shows(picture, seen)


def combs(path, frames):
    """How many of the frames look interlaced to ffmpeg's own detector."""
    out = subprocess.run(["ffmpeg", "-v", "info", "-nostdin", "-i", path, "-frames:v", str(frames),
                          "-vf", "idet", "-f", "null", "-"], check=True, capture_output=True,
                         text=True).stderr
    line = next(line for line in out.splitlines() if "Multi frame detection" in line)
    words = line.replace(":", " ").split()
    return int(words[words.index("TFF") + 1]) + int(words[words.index("BFF") + 1])


def test_interlaced_video_is_deinterlaced(tmp_path, look):
    path = tmp_path / "fields.ts"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=360x288:r=50:d=2", "-vf",
           "scroll=h=0.02,interlace=lowpass=0", "-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-b:v", "4M",
           path)
    assert combs(path, 40) > 30
    found = look(path)
    made = found.rendition()
    assert combs(made, 40) < 4 and abs(frames_of(made) - 50) <= 1


@pytest.mark.parametrize("keys", [25, 250])
def test_a_poster_is_not_black(tmp_path, look, keys):
    path = tmp_path / "fade.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=4", "-vf", "fade=in:s=30:n=60", *X264, "-g",
           keys, path)
    assert look(path).poster().brightness() > 30


def test_black_all_through_is_no_failure(tmp_path, look):
    path = tmp_path / "black.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=320x180:r=25:d=2", *X264, path)
    found = look(path)
    assert found.status == "ready" and found.poster().brightness() < 30


# How files begin


def with_start(path, start):
    """In place of the brands, which QuickTime did not have at first."""
    data = path.read_bytes()
    path.write_bytes(start + data[struct.unpack(">I", data[:4])[0]:])
    return path


@pytest.mark.parametrize("start", [
    struct.pack(">I4s", 16, b"free") + b"12345678", struct.pack(">I4s", 12, b"skip") + b"1234",
    struct.pack(">I4s", 8, b"wide"),
    struct.pack(">I4sIHIH", 20, b"pnot", 0, 0, 0x50494354, 1) + struct.pack(">I4s", 12, b"PICT") + b"1234",
], ids=["free", "skip", "wide", "pnot"])
def test_what_may_stand_before_a_film(make, look, start):
    path = make("late.mov", "-c", "copy", "-movflags", "frag_keyframe+empty_moov+default_base_moof")
    is_the_flag(look(with_start(path, start)))


@pytest.mark.parametrize("brand", [b"niko", b"isml", b"zzzz"])
def test_brands_of_single_makers(make, look, brand):
    path = make("brand.mp4", "-c", "copy")
    data = path.read_bytes()
    size = struct.unpack(">I", data[:4])[0]
    path.write_bytes(struct.pack(">I4s4sI", size, b"ftyp", brand, 0) + brand * ((size - 16) // 4)
                     + data[size:])
    is_the_flag(look(path))


def test_a_document_type_padded_with_nul(make, look):
    path = make("nul.mkv", "-c", "copy")
    data = path.read_bytes()
    at = data.index(b"\x42\x82\x88matroska")
    header = data[5:at] + b"\x42\x82\x89matroska\0" + data[at + 11:5 + (data[4] & 0x7f)]
    path.write_bytes(data[:4] + bytes([0x80 | len(header)]) + header + data[5 + (data[4] & 0x7f):])
    is_the_flag(look(path))


# Sound


@pytest.mark.parametrize("name,codec,mime", [
    ("sound.mp4", "aac", "audio/mp4"), ("sound.m4a", "aac", "audio/mp4"),
    ("sound.webm", "libopus", "audio/webm"), ("sound.mkv", "libopus", "audio/x-matroska"),
    ("sound.3gp", "aac", "audio/3gpp"), ("sound.mov", "aac", "video/quicktime"),
    ("sound.mp3", "libmp3lame", "audio/mpeg"), ("sound.ogg", "libvorbis", "audio/ogg")])
def test_sound_alone_is_audio(hub, session, make, look, name, codec, mime):
    found = look(make(name, "-vn", "-c:a", codec))
    assert (found.type, found.status, found.mime_type) == ("audio", "ready", mime), found.media
    assert found.thumbnail_url is None and found.variants == [] and found.width is None
    assert abs(found.duration - 3) < 0.2
    listed = [session.get(f"{hub.api}/media?type={kind}&page_size=100", timeout=PATIENCE_S)
              .json()["data"] for kind in ("audio", "video")]
    assert [found.id in (media["id"] for media in kind) for kind in listed] == [True, False]


@pytest.mark.parametrize("name,codec", [("song.m4a", "aac"), ("song.mp3", "libmp3lame"),
                                        ("song.mp4", "aac")])
def test_a_cover_is_the_picture_of_its_sound(make, look, still, name, codec):
    found = look(make(name, "-i", still, "-map", "0:a", "-map", "1:v", "-c:a", codec, "-c:v", "copy",
                      "-disposition:v:0", "attached_pic"))
    assert (found.type, found.status) == ("audio", "ready"), found.media
    picture = Picture(found.fetch(found.thumbnail_url, "cover"))
    assert near(picture.at(0.5, 0.5), (255, 0, 255)), picture.at(0.5, 0.5)


def test_a_film_in_a_container_for_sound(make, look):
    path = make("film.m4a", "-c", "copy", "-f", "mp4")
    data = path.read_bytes()
    path.write_bytes(data[:8] + b"M4A " + data[12:])
    found = look(path)
    is_the_flag(found)
    assert found.mime_type == "video/mp4"


# Damage


@pytest.mark.parametrize("name,arguments", [
    ("front.mp4", ["-movflags", "faststart"]),
    ("fragments.mp4", ["-movflags", "frag_keyframe+empty_moov+default_base_moof"]),
    ("indexed.mp4", ["-movflags", "frag_keyframe+empty_moov+default_base_moof+global_sidx"]),
    ("matroska.mkv", []), ("riff.avi", []), ("packets.ts", [])])
def test_a_file_that_is_cut_off_says_so(make, look, name, arguments):
    whole = make(name, "-c", "copy", *arguments)
    found = look(whole)
    assert found.failure is None and abs(found.duration - 3) < 0.2, found.media
    found = look(cut(whole, 60))
    assert found.status == "ready" and found.code() == "damaged", found.media
    assert 0.8 <= found.duration <= 2.2, found.media
    assert abs(float(probe(found.rendition())["format"]["duration"]) - found.duration) < 0.5
    shows(found.poster(), CORNERS)


@pytest.mark.parametrize("name,arguments", [
    ("end.mp4", ["-c", "copy", "-movflags", "-faststart"]),
    ("stream.mpg", ["-c:v", "mpeg2video", "-c:a", "mp2"]), ("pages.ogv", ["-c:v", "libtheora", "-c:a", "libvorbis"]),
    ("tags.flv", ["-c:v", "flv1", "-c:a", "libmp3lame", "-ar", "44100"])])
def test_no_cut_file_claims_its_full_length(hub, session, make, look, name, arguments):
    whole = make(name, *arguments)
    answer = hub.upload(session, cut(whole, 60))
    if answer.status_code == 415:                         # a kind that is not taken at all
        return
    found = look(cut(whole, 60))
    assert found.status == "failed" or found.duration <= 2.7, found.media


def test_a_rendition_that_fails_says_so(hub, session, tmp_path, look):
    """Wider than H.264 can be; posters have no such bound."""
    path = tmp_path / "wide.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=17000x32:r=5:d=1", "-pix_fmt", "yuv420p", "-c:v", "ffv1", path)
    client = SocketClient(hub, hub.login(), subscribe=("media_updates",))
    found = look(path)
    assert found.status == "ready" and found.variants == ["small", "medium", "large"], found.media
    assert found.renditions == [] and found.code() and found.failure["message"], found.media
    told = client.wait_event("media.updated", found.id)
    assert told["changes"]["failure"] == found.code(), told
    answer = session.get(f"{hub.api}/media/{found.id}/content?variant=720p", timeout=PATIENCE_S)
    assert answer.status_code == 404 and found.failure["message"] in answer.json()["error"]["message"], answer.text
    assert session.get(hub.url + found.url, timeout=PATIENCE_S).content == path.read_bytes()
    client.close()


@pytest.mark.parametrize("width,height", [(17, 33), (2, 2)])
def test_small_and_odd_sizes(make, look, width, height):
    found = look(make("odd.mkv", "-an", "-vf", f"scale={width}:{height}", "-c:v", "ffv1"))
    video = stream_of(found.rendition(), "video")
    assert video["width"] % 2 == 0 and video["height"] % 2 == 0
    assert (found.width, found.height) == (width, height)


def test_a_stream_with_one_key_frame(tmp_path, look):
    """The first picture is later than the first time stamp, and a search by time passes it."""
    path = tmp_path / "single.ts"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2", *X264, "-g", 250, path)
    assert look(path).poster().brightness() > 30


def test_hdr_that_names_its_curve_alone(tmp_path, look):
    path = tmp_path / "curve.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=1", "-pix_fmt", "yuv420p10le", "-c:v", "libx265",
           "-x265-params", "log-level=none:transfer=smpte2084", path)
    found = look(path)
    assert found.failure is None and stream_of(found.rendition(), "video")["color_transfer"] == "bt709"
