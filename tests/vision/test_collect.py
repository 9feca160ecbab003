"""Columns of sources become pictures: in any order, never twice, through kills, and from bad servers."""

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from itertools import count

import pytest

from shortlist.base.errors import PictureError
from shortlist.testing.pictures import hostile, picture, saved
from shortlist.vision.images import collect as collecting
from shortlist.vision.images import fetch as fetching
from shortlist.vision.images.album import Album
from shortlist.vision.images.collect import Outcome, collect
from shortlist.vision.images.duplicates import content_hash
from shortlist.vision.images.fetch import fetch


@pytest.fixture
def album(tmp_path):
    with closing(Album(tmp_path / "pictures")) as made:
        yield made


@pytest.fixture
def photos(tmp_path):
    """Thirty photos and what they are."""
    folder = tmp_path / "photos"
    folder.mkdir()
    hashes = {}
    for number in range(30):
        data = saved(picture(number))
        path = folder / f"{number}.jpg"
        path.write_bytes(data)
        hashes[str(path)] = content_hash(data)
    return hashes


def test_every_source_has_its_outcome_in_its_place(album, photos, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(saved(picture())[:300])
    data = saved(picture(99))
    sources = [*photos, str(broken), str(tmp_path / "none.jpg"), str(tmp_path), "\0", data, b"", b"text" * 9]
    counts = []
    outcomes = collect(album, sources, counts.append)
    none = [None] * 4
    assert [each.hash for each in outcomes] == [*photos.values(), *none, content_hash(data), None, None]
    reasons = [each.reason for each in outcomes if each.reason]
    assert reasons == ["truncated", "missing", "missing", "missing", "empty", "not a picture"]
    assert sum(counts) == len(sources)
    assert len(album) == 31


def test_the_order_of_sources_does_not_matter(album, photos):
    backwards = list(photos)[::-1]
    assert [each.hash for each in collect(album, backwards)] == [photos[source] for source in backwards]


def test_what_did_not_change_is_not_read_again(album, photos, tmp_path, monkeypatch):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    sources = [*photos, str(broken)]
    first = collect(album, sources)
    monkeypatch.setattr(collecting, "_read", lambda source: pytest.fail(f"{source} is read again"))
    again = collect(album, sources)
    assert again == [Outcome(each.hash, each.reason) for each in first]


def test_what_changed_is_read_again(album, photos, tmp_path):
    collect(album, photos)
    path = next(iter(photos))
    data = saved(picture(77))
    (tmp_path / "photos" / "0.jpg").write_bytes(data)
    outcomes = collect(album, photos)
    assert outcomes[0] == Outcome(content_hash(data), fresh=True)
    assert not any(each.fresh for each in outcomes[1:])
    os.remove(path)
    assert collect(album, [path]) == [Outcome(None, "missing", fresh=True)]


def test_a_file_that_appears_is_found(album, tmp_path):
    path = tmp_path / "late.jpg"
    assert collect(album, [str(path)])[0].reason == "missing"
    path.write_bytes(saved(picture()))
    assert collect(album, [str(path)])[0].hash


def test_a_pipe_does_not_hold_it_up(album, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert collect(album, [str(tmp_path / "pipe.jpg")])[0].reason == "missing"


def test_hostile_bytes_have_their_reasons(album):
    files = list(hostile(3))
    outcomes = collect(album, (data for _, data, _ in files))
    assert [each.reason for each in outcomes] == [reason for _, _, reason in files]
    assert len(album) == 0


def test_memory_is_bounded_however_many_there_are(album, photos, monkeypatch):
    alive, most = 0, 0
    lock = threading.Lock()

    def read(source):
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        time.sleep(0.001)
        with lock:
            alive -= 1
        raise PictureError("damaged", "on purpose")

    monkeypatch.setattr(collecting, "_read", read)
    taken = count()

    def sources():
        for number in range(5000):
            next(taken)
            yield f"/{number}"

    assert len(collect(album, sources())) == 5000
    assert 1 < most <= collecting.THREADS


KILLED = """
import sys
from pathlib import Path
from shortlist.vision.images import collect as collecting
from shortlist.vision.images.album import Album
collecting.COMMIT_PICTURES = 10
done = 0
def report(count):
    global done
    done += count
    print(done, flush=True)
collecting.collect(Album(Path(sys.argv[1])), sys.argv[2:], report)
"""


@pytest.mark.parametrize("after", [1, 40, 90])
def test_killed_at_any_moment_it_goes_on_where_it_was(after, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    sources = {}
    for number in range(120):
        data = saved(picture(number, 400, 300))
        (folder / f"{number}.jpg").write_bytes(data)
        sources[str(folder / f"{number}.jpg")] = content_hash(data)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "pictures"), *sources]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout:
            if int(line) >= after:
                running.send_signal(signal.SIGKILL)
                break
    with closing(Album(tmp_path / "pictures")) as album:
        for hash in album.facts()["hash"]:
            assert min(album.read(hash).shape[:2]) == 300  # whatever is known is whole
        known = len(album)
        outcomes = collect(album, sources)
        assert [each.hash for each in outcomes] == list(sources.values())
        assert sum(not each.fresh for each in outcomes) == known
        assert known >= after // 2 - collecting.THREADS * 2
        assert len(album) == 120


class Server(http.server.BaseHTTPRequestHandler):
    """A shop's server on a bad day."""

    requested: list[str]
    photo = saved(picture(5))

    def do_GET(self):
        self.requested.append(self.path)
        answer = getattr(self, "on_" + self.path.strip("/").split("/")[0].split("?")[0], None)
        if answer:
            answer()
        else:
            self.send_error(404)

    def reply(self, data, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def on_photo(self):
        self.reply(self.photo)

    def on_text(self):
        self.reply(b"<html>no picture</html>")

    def on_large(self):
        self.reply(b"", length=10**9)

    def on_endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    def on_short(self):
        self.reply(self.photo[:100], length=len(self.photo))

    def on_slow(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x")
                time.sleep(0.02)
        except OSError:
            pass

    def on_silent(self):
        time.sleep(0.6)

    def on_busy(self):
        if self.requested.count(self.path) < 3:
            self.send_error(503)
        else:
            self.on_photo()

    def on_forbidden(self):
        self.send_error(403)

    def redirect(self, to):
        self.send_response(302)
        self.send_header("Location", to)
        self.end_headers()

    def on_moved(self):
        self.redirect("/photo")

    def on_circle(self):
        self.redirect(f"/circle/{len(self.requested)}")

    def on_file(self):
        self.redirect("file:///etc/hostname")

    def on_ftp(self):
        self.redirect("ftp://localhost/x.jpg")

    def log_message(self, *_):
        pass


@pytest.fixture
def shop(monkeypatch):
    monkeypatch.setattr(fetching, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(fetching, "TOTAL_TIMEOUT", 0.5)
    monkeypatch.setattr(fetching, "MAX_BYTES", 5_000_000)
    Server.requested = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def at_once(url):
    return fetch(url, wait=lambda _: None)


def test_addresses_are_fetched(shop):
    assert at_once(f"{shop}/photo") == Server.photo
    assert at_once(f"{shop}/moved") == Server.photo
    assert at_once(f"{shop}/photo?name=crème brûlée") == Server.photo


def test_a_busy_server_is_asked_again(shop):
    assert at_once(f"{shop}/busy") == Server.photo
    assert len(Server.requested) == 3


@pytest.mark.parametrize(
    ("path", "reason", "requested"),
    [
        ("none", "missing", 1),
        ("forbidden", "not fetched", 1),
        ("large", "too many bytes", 1),
        ("endless", "too many bytes", 1),
        ("short", "not fetched", 3),
        ("slow", "not fetched", 3),
        ("silent", "not fetched", 3),
        ("circle", "not fetched", fetching.MAX_REDIRECTS + 1),
        ("file", "not fetched", 1),
        ("ftp", "not fetched", 3),
    ],
)
def test_bad_answers_have_their_reasons(shop, path, reason, requested):
    with pytest.raises(PictureError) as error:
        at_once(f"{shop}/{path}")
    assert error.value.reason == reason
    assert len(Server.requested) == requested


@pytest.mark.parametrize(
    "url", ["http://", "http://[", "http://127.0.0.1:1/x.jpg", "https://127.0.0.1:99999/"]
)
def test_bad_addresses_are_not_fetched(url):
    with pytest.raises(PictureError, match="not fetched"):
        at_once(url)


def test_other_schemes_are_paths_and_missing(album):
    assert (
        collect(album, ["file:///etc/hostname", "data:image/png;base64,AA"])
        == [Outcome(None, "missing", fresh=True)] * 2
    )


def test_an_address_that_gave_a_picture_is_not_asked_again(album, shop):
    urls = [f"{shop}/photo", f"{shop}/text", f"{shop}/none"]
    assert [each.reason for each in collect(album, urls)] == [None, "not a picture", "missing"]
    Server.requested.clear()
    assert collect(album, urls)[0] == Outcome(content_hash(Server.photo))
    assert sorted(Server.requested) == ["/none", "/text"]
