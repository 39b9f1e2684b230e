"""Ways of spoiling what is read: bytes, JSON, CSV, safetensors. Strategies of hypothesis."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

PATHS = (
    "../../../etc/passwd", "/etc/passwd", "..", ".", "", "a\x00b", "x" * 5_000, "a/b.csv", "-", "~", "\n", "C:\\x",
)  # fmt: skip
"""Tricks with names."""
TOKENS = (
    b"", b"nan", b"NaN", b"inf", b"-inf", b"1e400", b"-1", b"1000000000", b"9" * 5_000, b"0x10", b"1,2", b'"', b"'",
    b"\x00", b"\xff\xfe", b"\r\n", b"\n", b"true", b"None", b"=1+1", b"../../etc/passwd", b"/etc/passwd", b"1e-320",
    "β".encode(),
)  # fmt: skip
"""What may stand in a cell where a number belongs, and the other way about."""
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**9, 10**400, 1.5, float("nan"), float("inf"), -1e308, "", "x", [], {}, [[]], [1, "a"],
    {"a": {"b": 1}}, "\ud800", [10**9], [0, 2**64 - 1], "F64", "BOOL", *PATHS,
)  # fmt: skip
"""What may stand in JSON where something else belongs."""

fractions = st.floats(0, 1, exclude_max=True)


def spoilt_bytes(intact: bytes) -> st.SearchStrategy[bytes]:
    """A part of any length taken out, overwritten or written twice; strange tokens; or not the content at all."""
    junk = st.binary(min_size=1, max_size=64) | st.sampled_from(TOKENS)

    def cut(share: float, length: float, new: bytes) -> bytes:
        low = int(share * (len(intact) + 1))
        high = low + int(length * (len(intact) + 1 - low))
        return intact[:low] + new + intact[high:]

    return st.one_of(
        st.builds(cut, fractions, fractions, st.just(b"")),
        st.builds(cut, fractions, st.just(0.0), junk),
        st.builds(cut, fractions | st.floats(0, 0.01), st.floats(0, 0.01), junk),
        fractions.map(lambda share: intact[: int(share * len(intact))]),
        junk.map(lambda new: intact + new),
        st.integers(2, 4).map(lambda times: intact * times),
        st.binary(max_size=200),
    )


def spoilt_csv(intact: bytes) -> st.SearchStrategy[bytes]:
    """The table with strange cells, rows twice or missing, columns gone, renamed or too many."""
    table = [line.split(b",") for line in intact.splitlines()]
    token = st.sampled_from(TOKENS) | st.binary(max_size=12)

    def joined(lines: list[list[bytes]]) -> bytes:
        return b"\n".join(b",".join(line) for line in lines) + b"\n"

    def cell(share: float, column: int, new: bytes) -> bytes:
        lines = copy.deepcopy(table)
        lines[int(share * len(table))][column] = new
        return joined(lines)

    def whole_column(column: int, new: list[bytes]) -> bytes:
        """No cell at all there, or one or two in its place."""
        head, *rows = table
        return joined([head, *([*row[:column], *new, *row[column + 1 :]] for row in rows)])

    def without_column(column: int) -> bytes:
        return joined([row[:column] + row[column + 1 :] for row in table])

    def repeated(first: float, second: float) -> bytes:
        place = int(second * len(table))
        return joined([*table[:place], table[int(first * len(table))], *table[place:]])

    column = st.integers(0, len(table[0]) - 1)
    return st.one_of(
        st.builds(cell, fractions, column, token),
        st.builds(cell, st.just(0.0), column, st.sampled_from(table[0]) | token),
        st.builds(whole_column, column, st.lists(token, max_size=2)),
        column.map(without_column),
        st.builds(repeated, fractions, fractions),
        st.just(joined(table[:1])),
        spoilt_bytes(intact),
    )


def spoilt_json(intact: Any) -> st.SearchStrategy[Any]:
    """The document with one node replaced, removed, renamed, added or buried, anywhere in it."""

    def places(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        yield path
        children = (
            node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        )
        for key, child in children:
            yield from places(child, (*path, key))

    def changed(place: tuple[Any, ...], how: str, value: Any, name: str) -> Any:
        if not place:
            return value
        found = parent = copy.deepcopy(intact)
        *way, last = place
        for key in way:
            parent = parent[key]
        if how == "remove":
            del parent[last]
        elif how == "replace":
            parent[last] = value
        elif how == "bury":
            parent[last] = [parent[last]]
        elif isinstance(parent, dict):
            parent[name] = parent.pop(last) if how == "rename" else value
        return found

    how = st.sampled_from(("replace", "remove", "add", "rename", "bury"))
    value = st.sampled_from(VALUES) | st.integers() | st.floats() | st.text(max_size=20)
    name = st.sampled_from(PATHS) | st.text(max_size=20)
    return st.builds(changed, st.sampled_from(list(places(intact, ()))), how, value, name)


def spoilt_json_bytes(intact: Any) -> st.SearchStrategy[bytes]:
    """The spoilt document as text, or spoilt text, or one that is nested a hundred thousand deep."""
    text = json.dumps(intact).encode()
    deep = st.sampled_from((b"[" * 100_000, b'{"a":' * 100_000, b"[" * 900 + b"]" * 900))
    return spoilt_json(intact).map(lambda found: json.dumps(found).encode()) | spoilt_bytes(text) | deep


def spoilt_safetensors(intact: bytes) -> st.SearchStrategy[bytes]:
    """The file with another header (sizes up to 1e9 elements, other types, offsets beyond its end), or spoilt bytes."""
    length = int.from_bytes(intact[:8], "little")
    header = json.loads(intact[8 : 8 + length])

    def with_header(found: Any, size: int | None = None) -> bytes:
        text = json.dumps(found).encode()
        return (len(text) if size is None else size).to_bytes(8, "little") + text + intact[8 + length :]

    return st.one_of(
        spoilt_json(header).map(with_header),
        st.sampled_from((0, 1, 10**9, 2**40, 2**63, 2**64 - 1)).map(lambda size: with_header(header, size)),
        spoilt_bytes(intact),
    )
