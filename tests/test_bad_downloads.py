"""Downloads that go wrong, and copies of data sets that are not what they seem: told, and made good by the next try."""

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from errordrops.data import sources
from errordrops.data.sources import DataError

PAGE = b"<!DOCTYPE html><html><title>Sign in to this network</title></html>"
ROWS = {name: np.random.default_rng(i).integers(0, 256, (6, 3072), dtype=np.uint8) for i, name in enumerate("ab")}
BATCHES = {name: pickle.dumps({"data": rows, "labels": [0, 1] * 3}) for name, rows in ROWS.items()}
BATCHES["batches.meta"] = pickle.dumps({"label_names": ["cat", "dog"]})


def archive() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name, content in BATCHES.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return written.getvalue()


ARCHIVE = archive()
# a hundred images of 2 x 2 pixels, and as many labels
IDX = {
    name: struct.pack(">IIII", 0x803, 100, 2, 2) + bytes(range(200)) * 2
    if "images" in name
    else struct.pack(">II", 0x801, 100) + bytes(100)
    for name in sources.FASHION_MNIST
}


@pytest.fixture
def server(monkeypatch):
    """A server of both data sets; `server.answer(content)` says what it answers instead of a file's content."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rsplit("/", 1)[-1]
            content = ARCHIVE if name.endswith(".tar.gz") else gzip.compress(IDX[name.removesuffix(".gz")], mtime=0)
            self.server.answer(self, content)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    serving.answer = whole
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{serving.server_port}/"
    monkeypatch.setattr("torchvision.datasets.FashionMNIST.mirrors", [address])
    resources = [(f"{n}.gz", hashlib.md5(gzip.compress(c, mtime=0)).hexdigest()) for n, c in IDX.items()]
    monkeypatch.setattr("torchvision.datasets.FashionMNIST.resources", resources)
    monkeypatch.setattr(sources, "FASHION_MNIST", {n: hashlib.sha256(c).hexdigest() for n, c in IDX.items()})
    sums = {name: hashlib.md5(content).hexdigest() for name, content in BATCHES.items()}
    cifar = {"url": f"{address}x.tar.gz", "tgz_md5": hashlib.md5(ARCHIVE).hexdigest()}
    cifar |= {"train_list": [["a", sums["a"]]], "test_list": [["b", sums["b"]]]}
    cifar["meta"] = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    for key, value in cifar.items():
        monkeypatch.setattr(f"torchvision.datasets.CIFAR10.{key}", value)
    monkeypatch.setattr(sources, "STALLED", 1)
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()


def reply(handler, content: bytes, stated: int | None = None, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if stated is None else stated))
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(content)


def whole(handler, content):
    reply(handler, content)


def ends_early(handler, content):
    reply(handler, content[:-20], stated=len(content))
    handler.close_connection = True


def ends_early_in_pieces(handler, content):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(b"ff\r\n" + content[:20])
    handler.close_connection = True


def web_page(handler, content):
    reply(handler, PAGE)


def missing(handler, content):
    reply(handler, PAGE, status=404)


def other_content(handler, content):
    reply(handler, content[:-1] + bytes([content[-1] ^ 1]))


def no_http(handler, content):
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    handler.close_connection = True


def stalls(handler, content):
    threading.Event().wait(1.5)


WAYS = [ends_early, ends_early_in_pieces, web_page, missing, other_content, no_http, stalls]


def left(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.rglob("*") if path.is_file())


@pytest.mark.parametrize("way", WAYS)
def test_a_download_that_goes_wrong_is_told_and_the_next_try_starts_afresh(tmp_path, server, way):
    server.answer = way
    fetches = [
        (lambda: sources.cifar10(None, tmp_path / "cifar", print), tmp_path / "cifar"),
        (
            lambda: sources.fashion_mnist(
                None,
                tmp_path / "mnist",
                lambda m: None,
                iter([("torchvision's download", sources._torchvision_download)]),
            ),
            tmp_path / "mnist",
        ),
    ]
    for fetch, cache in fetches:
        server.answer = way
        with pytest.raises(DataError, match=r"(?s)could not be had .*torchvision's download: \S+.*data_dir"):
            fetch()
        assert not left(cache)
        server.answer = whole
        root, source = fetch()
        assert source == "torchvision's download" and root == cache
        server.answer = way
        assert fetch()[0] == cache  # what is there and whole is not fetched again
    assert left(tmp_path / "cifar") == sorted(BATCHES)
    assert (tmp_path / "cifar/cifar-10-batches-py/a").read_bytes() == BATCHES["a"]
    assert left(tmp_path / "mnist") == sorted([*IDX, "source.txt"])
    assert all((tmp_path / "mnist/FashionMNIST/raw" / name).read_bytes() == content for name, content in IDX.items())


def test_without_a_network_every_source_is_told(tmp_path, server):
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match="Connection refused"):
        sources.cifar10(None, tmp_path / "cifar", print)
    download = iter([("torchvision's download", sources._torchvision_download)])
    with pytest.raises(DataError, match="Connection refused"):
        sources.fashion_mnist(None, tmp_path / "mnist", lambda m: None, download)
    assert not left(tmp_path)


def test_a_damaged_cifar10_in_the_cache_is_fetched_again(tmp_path, server):
    sources.cifar10(None, tmp_path, print)
    (tmp_path / "cifar-10-batches-py/a").write_bytes(b"cut off")
    assert sources.cifar10(None, tmp_path, print) == (tmp_path, "torchvision's download")
    assert left(tmp_path) == sorted(BATCHES)


def test_a_pickle_that_is_not_cifar10s_is_never_opened(tmp_path, server):
    """The files of CIFAR-10 are pickles: only those whose MD5 sums torchvision knows are read."""
    folder = tmp_path / "mine/cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, content in BATCHES.items():
        (folder / name).write_bytes(content)
    marker = tmp_path / "executed"

    class Planted:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    (folder / "b").write_bytes(pickle.dumps(Planted()))
    server.answer = missing
    with pytest.raises(DataError, match=r"cifar-10-batches-py/b is missing or damaged"):
        sources.cifar10(tmp_path / "mine", tmp_path / "cache", lambda m: None)
    assert not marker.exists()


def test_a_package_manager_that_brings_nothing_is_told(monkeypatch):
    monkeypatch.setattr(sources.shutil, "which", lambda name: name)
    monkeypatch.setattr(sources, "_run", lambda command, folder: None)
    with pytest.raises(DataError, match="brought no package"), sources._debian_download():
        pass
