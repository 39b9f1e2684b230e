"""The explorer: one HTML file with every result. It works from disk, without a server and without the network.

`data` collects what it shows, `sprites` packs the sample images, `page/` holds what runs in the browser.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2

from reproduce.explorer import data
from reproduce.storage.records import Records

LARGEST = 12_000_000
"""Size limit of the file in bytes."""
PICTURES = 10_000_000
"""How many of these bytes sample images may take: a profile whose images do not fit has numbers only."""
SCRIPTS = ("base.js", "chart.js", "claims.js", "scatter.js", "pictures.js", "pick.js", "start.js")
"""The page's scripts, in their order."""


def build(records_by_profile: Mapping[str, Records], verdicts: Mapping[str, Any] | None) -> bytes:
    """The page. The first profile is shown first; verdicts are those of its report, in the form of `verdicts.json`."""
    return filled(data.content(records_by_profile, verdicts, PICTURES))


def filled(content: Mapping[str, Any]) -> bytes:
    """The page with its styles, scripts and data inside."""
    # "<" is escaped, so that no text in the data can end the HTML element that holds it
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )
    template = jinja2.Template(part("explorer.html.j2"), keep_trailing_newline=True)
    script = "\n".join(part(name) for name in SCRIPTS)
    return template.render(style=part("style.css"), script=script, data=text).encode()


def part(name: str) -> str:
    """A file of `page/`."""
    return resources.files("reproduce.explorer").joinpath("page", name).read_text(encoding="utf-8")
