"""Ways of spoiling what is read: bytes, JSON, CSV. Strategies of hypothesis."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

PATHS = (
    "../../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a\x00b",
    "x" * 5_000,
    "a/b.csv",
    "-",
    "~",
    "\n",
    "C:\\x",
)
"""Tricks with names."""
TOKENS = (
    b"", b"nan", b"NaN", b"inf", b"-inf", b"1e400", b"-1", b"1000000000", b"9" * 5_000, b"0x10", b"1,2", b'"', b"'",
    b"\x00", b"\xff\xfe", b"\r\n", b"\n", b"true", b"None", b"=1+1", b"../../etc/passwd", b"/etc/passwd", b"1e-320",
    "β".encode(),
)  # fmt: skip
"""What may stand in a cell where a number belongs, and the other way about."""
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**9, 10**400, 1.5, float("nan"), float("inf"), -1e308, "", "x", [], {}, [[]], [1, "a"],
    {"a": {"b": 1}}, "\ud800", *PATHS,
)  # fmt: skip
"""What may stand in JSON where something else belongs."""

fractions = st.floats(0, 1, exclude_max=True)


def spoilt_bytes(intact: bytes) -> st.SearchStrategy[bytes]:
    """The content truncated, overwritten, lengthened, cut, doubled, with strange tokens, or not it at all."""
    junk = st.binary(min_size=1, max_size=64) | st.sampled_from(TOKENS)

    def at(share: float) -> int:
        return int(share * (len(intact) + 1))

    def overwritten(share: float, new: bytes) -> bytes:
        return intact[: at(share)] + new + intact[at(share) + len(new) :]

    def without(first: float, second: float) -> bytes:
        low, high = sorted((at(first), at(second)))
        return intact[:low] + intact[high:]

    return st.one_of(
        fractions.map(lambda share: intact[: at(share)]),
        st.builds(overwritten, fractions, junk),
        st.builds(overwritten, st.floats(0, 0.01), junk),
        st.builds(lambda share, new: intact[: at(share)] + new + intact[at(share) :], fractions, junk),
        st.builds(without, fractions, fractions),
        junk.map(lambda new: intact + new),
        st.integers(2, 4).map(lambda times: intact * times),
        st.binary(max_size=200),
    )


def spoilt_csv(intact: bytes) -> st.SearchStrategy[bytes]:
    """The table with strange cells, rows twice or missing, columns gone, doubled, renamed or too many."""
    table = [line.split(b",") for line in intact.splitlines()]
    rows, columns = len(table), len(table[0])
    token = st.sampled_from(TOKENS) | st.binary(max_size=12)

    def joined(lines: list[list[bytes]]) -> bytes:
        return b"\n".join(b",".join(line) for line in lines) + b"\n"

    def cell(share: float, column: int, new: bytes) -> bytes:
        lines = copy.deepcopy(table)
        lines[int(share * rows)][column % columns] = new
        return joined(lines)

    def whole_column(column: int, new: bytes) -> bytes:
        return joined(
            [
                table[0],
                *([*line[: column % columns], new, *line[column % columns + 1 :]] for line in table[1:]),
            ]
        )

    def without_column(column: int) -> bytes:
        return joined([line[: column % columns] + line[column % columns + 1 :] for line in table])

    def repeated(first: float, second: float) -> bytes:
        return joined([*table[: int(second * rows)], table[int(first * rows)], *table[int(second * rows) :]])

    def longer(share: float, new: bytes) -> bytes:
        lines = copy.deepcopy(table)
        lines[int(share * rows)].append(new)
        return joined(lines)

    which = st.integers(0, columns - 1)
    return st.one_of(
        st.builds(cell, fractions, which, token),
        st.builds(cell, st.just(0.0), which, st.sampled_from(table[0]) | token),
        st.builds(whole_column, which, token),
        which.map(without_column),
        st.builds(repeated, fractions, fractions),
        st.builds(longer, fractions, token),
        st.just(joined(table[:1])),
        spoilt_bytes(intact),
    )


def spoilt_json(intact: Any) -> st.SearchStrategy[Any]:
    """The document with one node replaced, removed, added or buried, anywhere in it."""
    places = list(_places(intact, ()))

    def changed(place: tuple[Any, ...], how: str, value: Any, name: str) -> Any:
        found = copy.deepcopy(intact)
        if not place:
            return value
        parent = found
        for step in place[:-1]:
            parent = parent[step]
        if how == "remove":
            del parent[place[-1]]
        elif how == "replace":
            parent[place[-1]] = value
        elif how == "bury":
            parent[place[-1]] = [parent[place[-1]]]
        elif isinstance(parent, dict):
            parent[name] = parent.pop(place[-1]) if how == "rename" else value
        return found

    how = st.sampled_from(("replace", "remove", "add", "rename", "bury"))
    value = st.sampled_from(VALUES) | st.integers() | st.floats() | st.text(max_size=20)
    names = st.sampled_from(PATHS) | st.text(max_size=20)
    return st.builds(changed, st.sampled_from(places), how, value, names)


def _places(node: Any, path: tuple[Any, ...]) -> Any:
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from _places(child, (*path, key))


def spoilt_json_bytes(intact: Any) -> st.SearchStrategy[bytes]:
    """The spoilt document as text, or spoilt text, or one that is nested a hundred thousand deep."""
    text = json.dumps(intact).encode()
    deep = st.sampled_from((b"[" * 100_000, b'{"a":' * 100_000, b"[" * 900 + b"]" * 900))
    return spoilt_json(intact).map(lambda found: json.dumps(found).encode()) | spoilt_bytes(text) | deep


def spoilt_safetensors(intact: bytes) -> st.SearchStrategy[bytes]:
    """The file with another header: sizes up to 1e9 elements, other types, offsets beyond its end; or spoilt bytes."""
    length = int.from_bytes(intact[:8], "little")
    header = json.loads(intact[8 : 8 + length])

    def with_header(found: Any, claimed: int | None) -> bytes:
        text = json.dumps(found).encode()
        return (len(text) if claimed is None else claimed).to_bytes(8, "little") + text + intact[8 + length :]

    names = sorted(header)
    claims = st.sampled_from(
        (
            ("shape", [10**9]), ("shape", [10**9, 10**9]), ("shape", [-1]), ("shape", []), ("shape", [0]),
            ("dtype", "F64"), ("dtype", "I8"), ("dtype", "F16"), ("dtype", "X"), ("dtype", "BOOL"),
            ("data_offsets", [0, 10**9]), ("data_offsets", [10**9, 0]), ("data_offsets", [-1, 4]),
            ("data_offsets", [0, 2**64 - 1]),
        )
    )  # fmt: skip

    def claimed(name: str, claim: tuple[str, Any]) -> bytes:
        return with_header({**header, name: {**header[name], claim[0]: claim[1]}}, None)

    sizes = st.sampled_from((0, 1, 10**9, 2**40, 2**63, 2**64 - 1))
    return st.one_of(
        st.builds(claimed, st.sampled_from(names), claims),
        spoilt_json(header).map(lambda found: with_header(found, None)),
        sizes.map(lambda size: with_header(header, size)),
        spoilt_bytes(intact),
    )
