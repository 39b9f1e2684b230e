"""All writes to the results folder: whole files, atomically, with one place where tests inject faults.

`observer` is called with the operation's name and path before each file-system call; tests set it to a function
that kills the process, or raises, at the n-th call.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import lzma
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from reproduce.errors import ReproduceError

if TYPE_CHECKING:
    import pandas as pd

LOG = logging.getLogger("reproduce")
"""Messages for the user that nothing depends on; Python prints them on standard error."""

observer: Callable[[str, Path], None] | None = None


def _observed(operation: str, path: Path) -> None:
    if observer is not None:
        observer(operation, path)


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """CSV without the index; its floats are read back exactly."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


IN_THE_WAY = (
    "something else has that name or that of a folder above it: move it away, or choose another folder"
)
REMEDIES = {
    errno.EACCES: "check its folder's permissions",
    errno.EPERM: "check its folder's permissions",
    errno.EROFS: "that file system can only be read: choose another folder",
    errno.ENOTDIR: IN_THE_WAY,
    errno.EISDIR: IN_THE_WAY,
    errno.EEXIST: IN_THE_WAY,
}
"""Error number of the file system → what to do about it."""
NOT_KEPT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF)
"""Errors of file systems without fsync or without locks."""


@contextlib.contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """Any OSError inside becomes a ReproduceError that names the path and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ReproduceError(
                f"no space left for {path}: free some and give the same command again; nothing finished is lost"
            ) from error
        if link := next(
            (place for place in (path, *path.parents) if place.is_symlink() and not place.exists()), None
        ):
            raise ReproduceError(
                f"{link} is a link to {link.readlink()}, which does not exist: make that folder, or remove the link"
            ) from error
        remedy = REMEDIES.get(error.errno or 0, "look at the disk, or choose another folder")
        raise ReproduceError(f"cannot write {path} ({error.strerror}): {remedy}") from error


def write(path: Path, content: bytes) -> None:
    """Write the whole file or nothing: temporary name, fsync, rename. Raises ReproduceError when the disk is full."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _one_line(path):
        _observed("mkdir", path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _observed("open", temporary)
            with temporary.open("wb") as stream:
                _observed("write", temporary)
                stream.write(content)
                stream.flush()
                _observed("fsync", temporary)
                _sync(stream.fileno())
            _observed("rename", path)
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                _observed("unlink", temporary)
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    _observed("fsync-folder", folder)
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # the folder can be written to but not read; the file itself is already written
        return
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _sync(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NOT_KEPT:
            raise


LARGEST = 256 << 20
"""Size limit in bytes of a file that is read back; the largest that a run writes has some ten megabytes."""
XZ = ".xz"
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 1, "lp": 2, "pb": 2}]
"""LZMA for values of four bytes: it saves a seventh of single-precision weights, and is as good as the default on
text."""


def compressed(content: bytes) -> bytes:
    """The content in the xz format, which `xz -d` and pandas read."""
    return lzma.compress(content, lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=FILTERS)


def stored(path: Path) -> Path | None:
    """The path of the file's content: its own, or that of <name>.xz beside it; None if neither exists."""
    packed = path.with_name(path.name + XZ)
    return path if path.is_file() else packed if packed.is_file() else None


def _decompressed(content: bytes, largest: int) -> bytes:
    """The content, at most largest + 1 bytes of it. Raises LZMAError if this is not one complete xz file."""
    unpack = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    found = unpack.decompress(content, largest + 1)
    if len(found) <= largest and not unpack.eof:
        raise lzma.LZMAError("truncated")
    return found


def read(path: Path, largest: int = LARGEST) -> bytes:
    """The content of a file of at most `largest` bytes, or of <name>.xz if only that exists. Raises ReproduceError,
    naming the file.

    Anything else of that name (a folder, a pipe without a writer, a device) is not opened.
    """
    try:
        found = stored(path)
        if found is None:
            raise ReproduceError(f"{path} is gone" if not path.exists() else f"{path} is not a file")
        content = found.read_bytes() if found.stat().st_size <= largest else None
        if content is not None and found != path:
            content = _decompressed(content, largest)
        if content is None or len(content) > largest:
            raise ReproduceError(f"{path} is larger than {largest:,} bytes: it is not what its name says")
        return content
    except lzma.LZMAError as error:
        raise ReproduceError(f"{path}{XZ} is damaged ({error})") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ReproduceError(f"{path} cannot be read ({reason})") from error


def remove(path: Path) -> None:
    """Remove the file if it exists. Raises ReproduceError when it cannot be removed."""
    if path.exists():
        with _one_line(path):
            _observed("unlink", path)
            path.unlink(missing_ok=True)
            _sync_folder(path.parent)


def clear(path: Path) -> None:
    """Remove whatever has that name: a file, a link, or a folder with all its content."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def move_aside(path: Path) -> Path:
    """Rename a damaged file or folder to <name>.damaged[-n] beside it, so that nothing is lost and nothing reads it.

    Raises ReproduceError when it cannot be renamed.
    """
    target, n = path.with_name(f"{path.name}.damaged"), 1
    while target.exists():
        n += 1
        target = path.with_name(f"{path.name}.damaged-{n}")
    with _one_line(target):
        _observed("rename", target)
        path.rename(target)
        _sync_folder(path.parent)
    return target


def clear_temporaries(folder: Path, name: str = "*", below: bool = True) -> None:
    """Remove temporary files that interrupted writes left in the folder, and in the folders below it.

    Files that a living process may still be writing stay: `check` and `claims` write beside a campaign. A process in a
    container or on another machine cannot be seen from here. If its number is in use on this machine, its leftover
    stays until a later call.
    """
    if folder.is_dir():
        for path in (folder.rglob if below else folder.glob)(f".{name}.part"):
            if _is_being_written(path):
                continue
            with _one_line(path):
                _observed("unlink", path)
                path.unlink(missing_ok=True)


def _is_being_written(temporary: Path) -> bool:
    """Whether the process whose number is in the temporary file's name is alive and not this one. (In a container, a
    killed process and this one often have the same number.)"""
    writer = temporary.name.split(".")[-2]
    if not (writer.isascii() and writer.isdecimal()) or int(writer) in (0, os.getpid()):
        return False
    try:
        os.kill(int(writer), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is alive and belongs to another user
        pass
    return True


def sha256(content: bytes) -> str:
    """Checksum as 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def expanded(path: Path) -> Path:
    """The path with ~ or ~USER replaced by that home folder. Raises ReproduceError if there is none."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ReproduceError(
            f"{path}: {path.parts[0]} is nobody's home folder here: write the folder in full"
        ) from None


LOCK_MINUTES = 15
"""How many minutes to wait for a lock that another process holds."""
MINUTE = 60.0
"""Seconds between two lines that report the wait."""


def _take(stream: IO[str], path: Path, wait: str) -> None:
    """Lock the open file. Raises BlockingIOError if another process holds it: at once, or after LOCK_MINUTES if `wait`
    is given."""
    started = time.monotonic()
    minutes = 0
    while True:
        try:
            return fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait or minutes > LOCK_MINUTES:
                raise
        if time.monotonic() >= started + minutes * MINUTE:
            held = f"it has held {path} for {minutes} of at most {LOCK_MINUTES} minutes"
            LOG.warning(f"waiting for another process that {wait} ({held})")
            minutes += 1
        time.sleep(0.1)


@contextlib.contextmanager
def lock(path: Path, wait: str = "") -> Iterator[None]:
    """Hold the file's advisory lock, so that two campaigns never write one store.

    wait: what a process that holds the lock does ("downloads MNIST"). If it is given, the lock is waited for, at most
    LOCK_MINUTES, with one line per minute. Raises ReproduceError if the folder cannot be written, and if another
    process holds the lock.
    """
    with contextlib.ExitStack() as stack:
        with _one_line(path):
            _observed("mkdir", path.parent)
            path.parent.mkdir(parents=True, exist_ok=True)
            _observed("lock", path)
            stream = stack.enter_context(path.open("w", encoding="utf-8"))
            try:
                _take(stream, path, wait)
            except BlockingIOError as error:
                if wait:
                    raise ReproduceError(
                        f"another process has held {path} for {LOCK_MINUTES} minutes"
                    ) from error
                raise ReproduceError(
                    f"another campaign is writing to {path.parent}: wait for it, or choose another --results"
                ) from error
            except OSError as error:
                # a network file system without locks; each file is still written as a whole
                if error.errno not in (errno.ENOLCK, *NOT_KEPT):
                    raise
                LOG.warning(
                    f"{path.parent} is on a file system without locks ({error.strerror}): see to it that only one "
                    "campaign writes there"
                )
        yield
