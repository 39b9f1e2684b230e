"""report.tex: our prose around the tables and figures, every number a variable."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reproduce import paper
from reproduce.analysis import claims, statistics
from reproduce.datasets import PIXELS
from reproduce.names import BASELINE, SLUGS
from reproduce.protocol import COLLAPSED, CONVERGED, CONVERGENCE_EPOCHS, FRAMES
from reproduce.rendering import drift, latex, numbers, wording
from reproduce.rendering.appendix import forensics
from reproduce.rendering.material import Material, label
from reproduce.rendering.prose import protocol, results, verdicts
from reproduce.rendering.table import Table
from reproduce.rendering.tables import APPENDIX

COPIED = ("references.bib",)
"""Files of `latex/` that go beside report.tex as they are."""
FEWEST = 5
"""Models that the prose needs to speak of orders and correlations."""


def context(material: Material, tables: Mapping[str, Table], figures: tuple[str, ...]) -> dict[str, Any]:
    """Everything that the templates may name. `n` is `numbers`, `w` is `wording`, `m` the material."""
    runs = material.finished
    vae = runs[runs["architecture"] == BASELINE]
    enough = len(material.healthy) >= FEWEST
    return {
        "m": material,
        "n": numbers,
        "w": wording,
        "profile": material.profile,
        "protocol": protocol.protocol(material),
        "seeds": protocol.seeds(material),
        "fixed": {
            "collapsed": numbers.percent(COLLAPSED),
            "converged": numbers.percent(CONVERGED),
            "last_epochs": CONVERGENCE_EPOCHS,
            "pixels": numbers.integer(PIXELS),
            "frames": numbers.in_words(FRAMES),
            "steps": numbers.in_words(FRAMES - 1),
            "floor": numbers.integer((FRAMES - 1) ** 2),
        },
        "evaluated": len(material.ours),
        "total": len(SLUGS),
        "printed_total": len(paper.PAPER_SLUGS),
        "label": label,
        "backbone": None
        if vae.empty
        else {part: numbers.integer(vae[f"parameters_{part}"].iloc[0]) for part in ("encoder", "decoder")},
        "reconstruction": results.reconstruction(material) if enough else None,
        "interpolation": results.interpolation(material) if enough else None,
        "trade_off": results.trade_off(material) if enough else None,
        "recommendations": verdicts.advice(material) if enough else None,
        "headline": results.headline(material) if enough else None,
        "carriers": material.carriers if enough else {},
        "converged": results.converged(material) if enough else None,
        "restated": results.restated(material),
        "changes": verdicts.changes(material) if enough else None,
        "precision": results.precision(material) if enough else None,
        "section_verdicts": verdicts.section_verdicts(material) if material.verdicts_allowed else {},
        "spread_refuted": material.verdicts.set_index("id").at["III-E.spread", "within_paper"]
        == claims.WITHIN_PAPER[claims.Outcome.FAILS],
        "causes": [
            (wording.CAUSES[str(cause)], material.labels(rows.index))
            for cause, rows in material.causes.reindex(list(material.collapsed)).groupby("cause", sort=False)
        ],
        "alpha": statistics.ALPHA,
        "stands": claims.IN_RESULTS[claims.Outcome.HOLDS],
        "partly": claims.IN_RESULTS[claims.Outcome.PARTLY],
        "verdicts": verdicts.tally(material),
        "findings": verdicts.findings(material) if material.verdicts_allowed else None,
        "drift": drift.sentence(material),
        "readings": verdicts.nearer_readings(material),
        "origin": forensics.told(material),
        "provenance": protocol.provenance(material.provenance),
        "tables": list(tables),
        "appendix_tables": [name for name in tables if name in APPENDIX],
        "figures": figures,
    }


def render(material: Material, tables: Mapping[str, Table], figures: tuple[str, ...], out: Path) -> Path:
    """Write report.tex and what it needs beside tables/ and figures/ into `out`; the path of report.tex."""
    out.mkdir(parents=True, exist_ok=True)
    text = latex.environment().get_template("report.tex.j2").render(context(material, tables, figures))
    target = out / "report.tex"
    target.write_text(text, encoding="utf-8")
    for name in COPIED:
        shutil.copyfile(latex.TEMPLATES / name, out / name)
    return target
