"""Records → tables, figures, the LaTeX report, verdicts, and the generated parts of README and docs.

`render(records, out, provenance=…)` fills `out` with tables/ (.tex, .csv, .md), figures/ (.pdf, .png), pages/ (parts of
README and docs), verdicts.json and claims.csv, report.tex, references.bib and manifests.json (what it was made from);
`reproduce pdf` compiles it. Equal records and provenance give equal bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reproduce.errors import ReproduceError
from reproduce.storage.records import Records

__all__ = ["MANIFESTS", "PAGES", "render"]

MANIFESTS = "manifests.json"
"""Beside the report: checksums of the manifests of the runs that it was made from."""
PAGES = "pages"
"""Below the report: the generated parts of README and docs."""
LEDGER = "claims.csv"
PREVIOUS = "previous-report.pdf"
KEPT = ("explorer.html", PREVIOUS)
"""Files of other commands beside the report, which a rendering keeps."""
COPIED = ("references.bib",)
"""Files of `latex/` that are copied beside report.tex unchanged."""


def render(
    records: Records,
    out: Path,
    *,
    provenance: Mapping[str, Any],
    others: Mapping[str, Records] | None = None,
    manifests: Mapping[str, Sequence[str]] | None = None,
    key: str = "",
) -> None:
    """Render everything that the records allow into `out`. It replaces an earlier rendering only when it is complete.

    provenance: commit, versions, device, …; text, numbers or nested mappings. others: records of other profiles that
    allow verdicts, by name. manifests: those of the runs behind all these records (`publishing.manifests`), stored for
    `publish`, which refuses a report without them. key: identifies what the verdicts depend on (`verdicts.stored.key`).
    Raises ReproduceError without any run.
    """
    from reproduce.report import figures, latex, pages, prose, tables
    from reproduce.report.context import Context
    from reproduce.storage import files
    from reproduce.storage.runs import canonical
    from reproduce.verdicts import judge, stored, summary

    context = Context(records, provenance, others or {})
    if not context.fresh and not context.failures:
        raise ReproduceError(
            f"profile '{records.profile}' has no finished run to render; start one with "
            f"'python -m reproduce run --profile {records.profile}'"
        )
    new = out.with_name(f".{out.name}.new")
    files.clear(new)
    new.mkdir(parents=True)
    built = tables.render(context, new / "tables")
    drawn = figures.render(context, new / "figures")
    pages.render(context, built, new / PAGES)
    counts = summary.counts(context.verdicts)
    stored.write(new, stored.document(context.verdicts, context.ten, records.profile, key, counts))
    files.write(new / LEDGER, files.csv_bytes(pages.flat(judge.ledger(context.verdicts), records.profile)))
    if manifests is not None:
        (new / MANIFESTS).write_bytes(canonical(manifests))
    for name in COPIED:
        shutil.copyfile(latex.TEMPLATES / name, new / name)
    template = latex.environment().get_template("report.tex.j2")
    text = template.render(prose.context(context, built, drawn))
    (new / "report.tex").write_text(text, encoding="utf-8")
    take_place(new, out)


def take_place(new: Path, out: Path) -> None:
    """Replace the old report's folder, which stays complete until then, by the new one. A compiled report keeps its
    name if its sources are the same; otherwise it becomes `previous-report.pdf`."""
    from reproduce.report.pdf import PDF
    from reproduce.storage import files

    old = out.with_name(f".{out.name}.old")
    for kept in KEPT:
        if (out / kept).is_file():
            shutil.copy2(out / kept, new / kept)
    if (out / PDF).is_file():
        shutil.copy2(out / PDF, new / (PDF if sources(new) == sources(out) else PREVIOUS))
    files.clear(old)
    if out.exists():
        out.rename(old)
    new.rename(out)
    files.clear(old)


def sources(folder: Path) -> dict[str, bytes]:
    """The files that a compiled report is made from: name → content."""
    paths = (folder / "report.tex", *folder.glob("tables/*.tex"), *folder.glob("figures/*.pdf"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}
