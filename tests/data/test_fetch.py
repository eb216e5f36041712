"""Downloads: whole or not at all, continued after any trouble, and clear when there is no way."""

import errno
import hashlib
import shutil
import socket
import time
import warnings

import pytest
import torch

from labkit.data import fetch, progress, store
from tests.data.mirror import serving

CONTENT = bytes(range(256)) * 200  # 51,200 bytes
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setattr(fetch, "PAUSE", 0.01)
    with serving(monkeypatch) as server:
        yield server


def get(mirror, path, *, page="/file", digest=SHA, **options):
    return fetch.download(mirror.url + page, path, digest=digest, progress=False, **options)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_a_file_is_brought_once(mirror, tmp_path):
    mirror.put("/file", CONTENT)
    path = tmp_path / "deep" / "file"
    assert get(mirror, path) == path and path.read_bytes() == CONTENT
    assert names(path.parent) == ["file"]
    get(mirror, path)
    assert mirror.asked() == ["/file"]


def test_md5_and_no_digest_at_all(mirror, tmp_path):
    mirror.put("/file", CONTENT)
    get(mirror, tmp_path / "a", digest=f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    get(mirror, tmp_path / "b", digest="")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == CONTENT


def test_what_breaks_off_is_continued(mirror, tmp_path):
    mirror.put("/file", CONTENT, cut=[1000, 2000])
    assert get(mirror, tmp_path / "file").read_bytes() == CONTENT
    assert [asked for _, _, asked in mirror.log] == ["", "bytes=1000-", "bytes=3000-"]


def test_a_host_that_falls_silent_is_asked_again(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "PATIENCE", 0.2)
    mirror.put("/file", CONTENT, cut=[1000], hang=0.6)
    assert get(mirror, tmp_path / "file").read_bytes() == CONTENT
    assert mirror.log[-1][2] == "bytes=1000-"


def test_a_host_without_ranges_starts_again(mirror, tmp_path):
    mirror.put("/file", CONTENT, cut=[1000], ranges=False)
    assert get(mirror, tmp_path / "file").read_bytes() == CONTENT


def test_an_interrupted_download_is_continued_by_the_next_call(mirror, tmp_path, monkeypatch):
    mirror.put("/file", CONTENT, rate=200e3)

    def interrupt(self, count):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetch.Pace, "add", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get(mirror, tmp_path / "file")
    [part] = tmp_path.iterdir()
    had = part.stat().st_size
    assert 0 < had < len(CONTENT)
    assert get(mirror, tmp_path / "file").read_bytes() == CONTENT
    assert mirror.log[-1][2] == f"bytes={had}-"
    assert names(tmp_path) == ["file"]


def test_a_part_of_another_version_is_not_continued(mirror, tmp_path):
    mirror.put("/file", CONTENT, cut=[1000] + [0] * 9)
    with pytest.raises(ConnectionError, match="broke off, time and again"):
        get(mirror, tmp_path / "file")
    new = CONTENT[::-1]
    mirror.put("/file", new)
    mirror.log.clear()
    get(mirror, tmp_path / "file", digest=f"sha256:{hashlib.sha256(new).hexdigest()}")
    assert (tmp_path / "file").read_bytes() == new
    assert [asked for _, _, asked in mirror.log] == [""]
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_part_that_is_full_or_too_long(mirror, tmp_path, extra):
    mirror.put("/file", CONTENT, cut=[1000] + [0] * 9)
    with pytest.raises(ConnectionError):
        get(mirror, tmp_path / "file")
    [part] = tmp_path.iterdir()
    part.write_bytes(CONTENT + extra)
    mirror.put("/file", CONTENT)
    assert get(mirror, tmp_path / "file").read_bytes() == CONTENT


def test_damage_is_found_and_fetched_again(mirror, tmp_path):
    mirror.put("/file", CONTENT, spoil=1)
    assert get(mirror, tmp_path / "file").read_bytes() == CONTENT
    assert len(mirror.log) == 2


def test_damage_twice_is_an_error_and_leaves_nothing(mirror, tmp_path):
    mirror.put("/file", CONTENT, spoil=2)
    with pytest.raises(ConnectionError, match="twice that does not have the sha256:"):
        get(mirror, tmp_path / "file")
    assert names(tmp_path) == []


def test_a_damaged_file_in_place_is_set_aside(mirror, tmp_path):
    (tmp_path / "file").write_bytes(b"half")
    mirror.put("/file", CONTENT)
    assert get(mirror, tmp_path / "file").read_bytes() == CONTENT
    assert (tmp_path / "file.bad").read_bytes() == b"half"


def test_redirects_are_followed_with_the_range(mirror, tmp_path):
    mirror.move("/file", f"{mirror.elsewhere}/there", status=307)
    mirror.put("/there", CONTENT, cut=[1000])
    assert get(mirror, tmp_path / "file").read_bytes() == CONTENT
    assert mirror.log[-1] == ("GET", "/there", "bytes=1000-")


def test_missing_is_final_and_busy_is_not(mirror, tmp_path):
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:\d+ answers 404 Not Found"):
        get(mirror, tmp_path / "file")
    assert len(mirror.log) == 1
    mirror.put("/file", CONTENT, fail=[503, 429])
    assert get(mirror, tmp_path / "file").read_bytes() == CONTENT
    mirror.put("/busy", CONTENT, fail=[503] * 9)
    with pytest.raises(ConnectionError, match="503 Service Unavailable, time and again"):
        get(mirror, tmp_path / "busy", page="/busy")


def test_without_a_network_nobody_waits(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "PAUSE", 60)
    mirror.server.shutdown()
    mirror.server.server_close()
    with pytest.raises(ConnectionError, match="refused"):
        get(mirror, tmp_path / "file")

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConnectionError, match=r"example\.org: Name or service not known"):
        fetch.download("https://example.org/file", tmp_path / "file", progress=False)


def test_offline_forbids_even_asking(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "yes")
    mirror.put("/file", CONTENT)
    with pytest.raises(ConnectionError, match="HF_HUB_OFFLINE"):
        get(mirror, tmp_path / "file")
    assert mirror.log == []


def test_slow_is_said_once_with_the_way_out(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "WINDOW", 0.1)
    mirror.put("/file", CONTENT[:20_000], rate=50e3)
    with pytest.warns(UserWarning) as said:
        get(mirror, tmp_path / "file", digest="", instead="Try the other one.")
    [text] = [str(one.message) for one in said]
    assert text.startswith("file comes at only") and text.endswith("kB/s. Try the other one.")


def test_fast_is_not_called_slow(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "WINDOW", 0.1)
    mirror.put("/file", CONTENT * 3, rate=500e3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        get(mirror, tmp_path / "file", digest="")


def test_progress_has_rate_and_time_left(mirror, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    mirror.put("/file", CONTENT, rate=200e3, cut=[30_000])
    fetch.download(f"{mirror.url}/file", tmp_path / "file", digest=SHA)
    printed = capsys.readouterr().out
    assert "of 0.1 MB" in printed and "MB/s" in printed and "s left" in printed
    assert "file: the connection broke off, trying again" in printed


def test_too_small_a_disk_is_said_before_the_download(mirror, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=50_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    mirror.put("/file", CONTENT)
    with pytest.raises(OSError, match=r"0 MB free of the 0 MB needed.*LABKIT_DATA") as caught:
        get(mirror, tmp_path / "file")
    assert caught.value.errno == errno.ENOSPC and not isinstance(caught.value, ConnectionError)


def test_a_disk_that_fills_up_is_no_reason_to_ask_again(mirror, tmp_path):
    resource = pytest.importorskip("resource")  # not on Windows
    mirror.put("/file", CONTENT)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError) as caught:
            get(mirror, tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG and len(mirror.log) == 1


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def bring(folder):
    (folder / "file").write_bytes(b"downloaded")
    return {"x": torch.ones(3)}


def test_remember_deletes_downloads_once_they_are_stored(cache):
    (cache / "downloads" / "thing").mkdir(parents=True)
    assert fetch.remember("thing", {}, bring)["x"].sum() == 3
    assert not (cache / "downloads" / "thing").exists()
    assert store.place("thing", {}).is_file()
    assert fetch.remember("thing", {}, lambda _: pytest.fail("asked again"))["x"].sum() == 3


def test_remember_keeps_downloads_that_could_not_be_stored(cache, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "write", full)
    with pytest.warns(UserWarning, match="No space left"):
        assert fetch.remember("thing", {}, bring)["x"].sum() == 3
    assert names(cache / "downloads" / "thing") == ["file"]


def test_remember_where_nothing_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "file" / "cache"))
    began = time.monotonic()
    with pytest.warns(UserWarning, match="could not be kept"):
        assert fetch.remember("thing", {}, bring)["x"].sum() == 3
    assert time.monotonic() - began < 1
