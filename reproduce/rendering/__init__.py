"""Records → tables, figures and the LaTeX report. Writes nowhere but into the folder it is given.

`render(records, out, provenance=…)` fills `out` with tables/ (.tex, .csv, .md), figures/ (.pdf, .png), readme/ (the
README's parts), report.tex, references.bib and manifests.json (what it was made from); `latexmk -pdf report.tex` in
`out` makes the PDF. Equal records and provenance, equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.errors import ReproduceError
from reproduce.records import Records

__all__ = ["MANIFESTS", "render"]

MANIFESTS = "manifests.json"
"""Beside the report: checksums of the manifests of the runs that it was made from."""


def render(
    records: Records,
    out: Path,
    *,
    provenance: Mapping[str, Any],
    drift: pd.DataFrame | None = None,
    others: Mapping[str, Records] | None = None,
    manifests: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Render everything that the records allow into `out`, replacing what an earlier rendering left there.

    provenance: what the provenance table says about the run: commit, versions, device, …; text, numbers or nested
    mappings, printed in their order. drift: the checks against golden numbers, none if left out. others: records
    of other profiles that allow verdicts, by name, for comparisons between protocols. manifests: of the runs behind all
    these records (`publishing.manifests`), noted for `publish`, which refuses a report without them. Where every run
    failed there are dashes. Raises ReproduceError without any run.
    """
    from reproduce.golden.ledger import empty_ledger
    from reproduce.rendering import figures, readme, report, tables
    from reproduce.rendering.material import Material
    from reproduce.runs import canonical

    material = Material(records, provenance, empty_ledger() if drift is None else drift, others or {})
    if not material.fresh and not material.failures:
        raise ReproduceError(
            f"profile '{records.profile}' has no finished run to render; start one with "
            f"'python -m reproduce run --profile {records.profile}'"
        )
    # they show the numbers of before; report.tex comes back last
    for name in ("report.tex", "report.pdf", MANIFESTS):
        (out / name).unlink(missing_ok=True)
    for folder in ("tables", "figures", readme.FOLDER):
        for old in (out / folder).glob("*"):
            old.unlink()
    built = tables.render(material, out / "tables")
    drawn = figures.render(material, out / "figures")
    readme.render(material, built, out / readme.FOLDER)
    if manifests is not None:
        (out / MANIFESTS).write_bytes(canonical(manifests))
    report.render(material, built, drawn, out)
