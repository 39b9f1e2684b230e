from __future__ import annotations

import errno
import fcntl
import os
import resource
import subprocess
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from reproduce.errors import ReproduceError
from reproduce.storage import files

NOBODY = 2**22
"""The first number that no process of this system can have."""
CALLS = ["mkdir", "open", "write", "fsync", "rename", "fsync-folder"]


def failing(monkeypatch: pytest.MonkeyPatch, operation: str, number: int) -> None:
    def observer(name: str, path: Path) -> None:
        if name == operation:
            raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(files, "observer", observer)


def test_a_write_is_announced_call_by_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    synced: list[Path] = []
    monkeypatch.setattr(files, "observer", lambda operation, path: seen.append(operation))
    opened = Path("/proc/self/fd")
    monkeypatch.setattr(files.os, "fsync", lambda handle: synced.append((opened / str(handle)).readlink()))
    files.write(tmp_path / "a" / "file", b"content")
    assert seen == CALLS
    assert synced == [tmp_path / "a" / f".file.{os.getpid()}.part", tmp_path / "a"]
    assert (tmp_path / "a" / "file").read_bytes() == b"content"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file"]


@pytest.mark.parametrize("operation", CALLS)
def test_a_full_disk_leaves_the_old_file_or_the_new_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    failing(monkeypatch, operation, errno.ENOSPC)
    with pytest.raises(ReproduceError, match=f"no space left for {path}: free some and give the same"):
        files.write(path, b"new")
    assert path.read_bytes() == (b"new" if operation == "fsync-folder" else b"old")
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_ends_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    """The kernel takes a part and refuses the rest, as a disk does that runs full meanwhile."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(ReproduceError, match=f"cannot write {path} .File too large"):
            files.write(path, b"new" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_the_file_system_refuses_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    files.remove(path)
    path.touch()
    with pytest.raises(ReproduceError, match="cannot write"), files.lock(path / ".lock"):
        pass
    for operation in ("unlink", "fsync-folder"):
        failing(monkeypatch, operation, errno.EROFS)
        with pytest.raises(ReproduceError, match=r"cannot write .*file .Read-only file system"):
            files.remove(path)
        monkeypatch.setattr(files, "observer", None)
        path.touch()


def test_what_is_moved_aside_stays_however_often(tmp_path: Path) -> None:
    for content in ("first", "second", "third"):
        (tmp_path / "file").write_text(content)
        files.move_aside(tmp_path / "file")
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"file.damaged": "first", "file.damaged-2": "second", "file.damaged-3": "third"}


def test_interrupted_writes_are_cleared_and_not_what_another_living_process_is_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign begins while `check` writes its ledger."""
    another = os.getppid()
    ended = (os.getpid(), NOBODY, 0, "²", "9" * 40, "-1", "old")
    kept = {tmp_path / name for name in (f"a/.drift.csv.{another}.part", "a/file", "a/file.part", ".lock")}
    (tmp_path / "a").mkdir()
    for path in (*kept, *(tmp_path / "a" / f".file.{word}.part" for word in ended)):
        path.touch()
    files.clear_temporaries(tmp_path)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == kept
    others = tmp_path / f".drift.csv.{NOBODY}.part"
    others.touch()
    monkeypatch.setattr(files.os, "kill", Mock(side_effect=PermissionError))
    files.clear_temporaries(tmp_path)
    assert others.exists(), "a process of somebody else is alive too"


def test_a_held_lock_is_refused_at_once_and_free_afterwards(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with files.lock(path), pytest.raises(ReproduceError, match=f"another campaign is writing to {tmp_path}"):
        files.lock(path).__enter__()
    with files.lock(path):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL])
def test_a_file_system_without_locks_is_said_and_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    monkeypatch.setattr(fcntl, "flock", Mock(side_effect=OSError(number, os.strerror(number))))
    with files.lock(tmp_path / ".lock"):
        files.write(tmp_path / "file", b"content")
    assert "only one campaign writes there" in caplog.text
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS])
def test_a_file_system_that_cannot_sync_keeps_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(files.os, "fsync", Mock(side_effect=OSError(number, os.strerror(number))))
    files.write(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, r"\(Permission denied\): check its folder's permissions"),
        (errno.EROFS, "that file system can only be read: choose another folder"),
        (errno.EIO, "look at the disk, or choose another folder"),
    ],
)
def test_the_remedy_is_that_of_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    monkeypatch.setattr(files.os, "fsync", Mock(side_effect=OSError(number, os.strerror(number))))
    with pytest.raises(ReproduceError, match=f"cannot write .*{remedy}$"):
        files.write(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == []


def test_what_stands_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "below", tmp_path / "folder"):
        with pytest.raises(ReproduceError, match="something else has that name"):
            files.write(path, b"content")
    files.clear(tmp_path / "file")
    files.clear(tmp_path / "folder")
    files.clear(tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_nothing_is_named_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(tmp_path / "unmounted")
    with pytest.raises(ReproduceError, match=f"results is a link to {tmp_path}/unmounted, which does not"):
        files.write(tmp_path / "results" / "smoke" / "file", b"x")
    with pytest.raises(ReproduceError, match="is a link to"), files.lock(tmp_path / "results" / ".lock"):
        pass


def test_a_compressed_file_is_read_under_its_own_name(tmp_path: Path) -> None:
    content = np.random.default_rng(0).random(1000).astype(np.float32).tobytes()
    path = tmp_path / "weights"
    packed = tmp_path / "weights.xz"
    packed.write_bytes(files.compressed(content))
    assert files.stored(path) == packed
    assert files.read(path) == content
    assert subprocess.run(["xz", "-dc", str(packed)], capture_output=True, check=True).stdout == content


def test_a_compressed_file_that_is_truncated_or_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    for keep in (0, 10, -1):
        (tmp_path / "a.csv.xz").write_bytes(files.compressed(b"content" * 100)[:keep])
        with pytest.raises(ReproduceError, match=r"a\.csv\.xz is damaged"):
            files.read(tmp_path / "a.csv")
    (tmp_path / "a.csv.xz").write_bytes(files.compressed(bytes(2_000_000)))
    with pytest.raises(ReproduceError, match="is larger than 1,000 bytes"):
        files.read(tmp_path / "a.csv", largest=1_000)
