"""Records → tables, figures, the LaTeX report, verdicts, and the generated parts of README and docs.

`render(records, out, provenance=…)` fills `out` with tables/ (.tex, .csv, .md), figures/ (.pdf, .png), pages/ (parts of
README and docs), verdicts.json and claims.csv, report.tex, references.bib and manifests.json (what it was made from);
`reproduce pdf` compiles it. Equal records and provenance, equal bytes.
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
COPIED = ("references.bib",)
"""Files of `latex/` that go beside report.tex as they are."""


def render(
    records: Records,
    out: Path,
    *,
    provenance: Mapping[str, Any],
    others: Mapping[str, Records] | None = None,
    manifests: Mapping[str, Sequence[str]] | None = None,
    key: str = "",
) -> None:
    """Render everything that the records allow into `out`, replacing what an earlier rendering left there.

    provenance: commit, versions, device, …; text, numbers or nested mappings. others: records of other profiles that
    allow verdicts, by name. manifests: of the runs behind all these records (`publishing.manifests`), noted for
    `publish`, which refuses a report without them. key: what the verdicts rest on (`verdicts.stored.key`). Raises
    ReproduceError without any run.
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
    # they show the numbers of before; report.tex comes back last
    for name in ("report.tex", "report.pdf", MANIFESTS, stored.NAME):
        (out / name).unlink(missing_ok=True)
    for folder in ("tables", "figures", PAGES):
        for old in (out / folder).glob("*"):
            old.unlink()
    out.mkdir(parents=True, exist_ok=True)
    built = tables.render(context, out / "tables")
    drawn = figures.render(context, out / "figures")
    pages.render(context, built, out / PAGES)
    counts = summary.counts(context.verdicts)
    stored.write(out, stored.document(context.verdicts, context.ten, records.profile, key, counts))
    files.write(out / LEDGER, files.csv_bytes(pages.flat(judge.ledger(context.verdicts), records.profile)))
    if manifests is not None:
        (out / MANIFESTS).write_bytes(canonical(manifests))
    for name in COPIED:
        shutil.copyfile(latex.TEMPLATES / name, out / name)
    template = latex.environment().get_template("report.tex.j2")
    text = template.render(prose.context(context, built, drawn))
    (out / "report.tex").write_text(text, encoding="utf-8")
