"""What `make publish` copies into tracked folders: tables/, figures/, README's blocks, and published/<profile>/.

If `make bench` has left its tables in the results root, benchmarks/ and the README's block on speed are theirs.

published/ takes records, codes, sample images and the weights of one seed of every finished run of a profile that
allows verdicts; from it any clone can render everything and continue. `smoke` and `quick` are quickly made again, and
a clone's first `make reproduce` should train: of them tables, figures and the compiled report are kept, no runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from reproduce import bench, files
from reproduce.analysis import readings
from reproduce.analysis.claims import AS_TRAINED
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol
from reproduce.rendering import numbers
from reproduce.rendering.claim_tables import IN_OUR_RESULTS, NOT_TESTABLE_BUT_AS_TRAINED, WITHIN_THE_PAPER
from reproduce.runs import RunId
from reproduce.store import FRESH, MANIFEST, WEIGHTS, Store

WEIGHTS_SEED = 42
"""The seed whose weights are published (about 1.5 MB a run)."""

BLOCK = re.compile(r"(<!-- begin: (?P<name>[a-z0-9-]+) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL)
"""A generated part of the README."""


def fill_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """The text with each named block replaced. Raises ReproduceError when the text has no such block."""
    present = {match["name"] for match in BLOCK.finditer(text)}
    lacking = sorted(set(blocks) - present)
    if lacking:
        raise ReproduceError(f"README.md has no block '{lacking[0]}': restore its begin and end comments")

    def replaced(match: re.Match[str]) -> str:
        content = blocks.get(match["name"])
        return match[0] if content is None else f"{match[1]}{content.strip()}\n{match[3]}"

    return BLOCK.sub(replaced, text)


def copy_folder(source: Path, target: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Replace the target's files by those of the source that match; returns the new ones."""
    found = sorted(path for pattern in patterns for path in source.glob(pattern))
    if not found:
        raise ReproduceError(f"{source} has nothing to publish: run `make render` first")
    names = {path.name for path in found}
    for old in target.glob("*"):
        if old.is_file() and old.name not in names:
            files.remove(old)
    for path in found:
        files.write(target / path.name, path.read_bytes())
    return [target / path.name for path in found]


def copy_runs(store: Store, published: Path) -> list[RunId]:
    """Copy every fresh run that lies in the results, the manifest last; returns those copied."""
    copied = []
    for run in store.known_runs():
        status = store.status(run, verify=True)
        source = store.path(run)
        if status.state != FRESH or status.folder != source:
            continue
        target = published / store.protocol.name / run.folder
        if (target / MANIFEST).is_file() and (target / MANIFEST).read_bytes() == (
            source / MANIFEST
        ).read_bytes():
            continue
        files.remove(target / MANIFEST)
        for path in sorted(source.iterdir()):
            keeps = path.name != WEIGHTS or run.seed == WEIGHTS_SEED or run.is_reference
            if path.is_file() and path.name != MANIFEST and not path.name.startswith(".") and keeps:
                files.write(target / path.name, path.read_bytes())
        files.write(target / MANIFEST, (source / MANIFEST).read_bytes())
        copied.append(run)
    return copied


def readme_blocks(report: Path, protocol: Protocol) -> dict[str, str]:
    """The README's generated parts: the profile's line, Tables I to III, the claims. Raises ReproduceError before a
    rendering."""
    tables = report / "tables"
    if not (tables / "claims.md").is_file():
        raise ReproduceError(f"{report} has nothing to publish: run `make render` first")
    return {
        "profile": f"The numbers below are of the profile `{protocol.name}`: {protocol.purpose}. {effort(tables)}",
        "table-1": (tables / "table1.md").read_text(),
        "table-2": (tables / "table2.md").read_text(),
        "table-3": (tables / "table3.md").read_text(),
        "claims": claims_block(tables),
    }


def effort(tables: Path) -> str:
    """How long the runs of the described reading took, by the log's own minutes, and on what."""
    log = pd.read_csv(tables / "log.csv", dtype=str, keep_default_na=False)
    log = log[~log["Run"].str.contains("@")].replace(numbers.DASH, "nan")
    minutes = log[["Minutes training", "Minutes evaluation"]].replace(",", "", regex=True).astype(float)
    hardware = " or ".join(name for name in log["Hardware"].unique() if name != "nan")
    return (
        f"Training and evaluating its {len(log)} runs took {minutes.sum().sum():.0f} minutes, added up over workers"
        + (f" ({hardware})." if hardware else ".")
    )


def claims_block(tables: Path) -> str:
    """`counted_claims` of a rendered report, whose ledger has the words before a colon."""
    ledger = pd.read_csv(tables / "ledger.csv", dtype=str, keep_default_na=False)
    heads = [head for head in (WITHIN_THE_PAPER, IN_OUR_RESULTS) if head in ledger]
    verdicts = ledger[heads].apply(lambda cells: cells.str.partition(":")[0])
    if IN_OUR_RESULTS in ledger:
        as_trained = ledger[IN_OUR_RESULTS].str.extract(rf"\b{AS_TRAINED}([^:;]+)", expand=False)
        verdicts[NOT_TESTABLE_BUT_AS_TRAINED] = as_trained.fillna("")
    return counted_claims(verdicts, (tables / "claims.md").read_text())


def counted_claims(verdicts: pd.DataFrame, important: str) -> str:
    """How many statements have which verdict (a row a statement, a column a kind of verdict under its head, "" where
    it has none), and the table of the most important ones below."""
    counts = {head: words[words != ""].value_counts() for head, words in verdicts.items()}
    lines = [
        f"- {head}: " + ", ".join(f"{n} {word}" for word, n in count.items()) + "."
        for head, count in counts.items()
        if len(count)
    ]
    return "\n".join([f"Of {len(verdicts)} statements:", "", *lines, "", important])


def nearer_readings(tables: Path, protocol: Protocol) -> dict[str, str]:
    """The README's block on which reading of each architecture lies nearer to its printed row; none where no second
    reading was run, so that the block of a profile that has them stays."""
    path = tables / "readings.csv"
    if not path.is_file():
        return {}
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    described = pd.read_csv(tables / "table1.csv", dtype=str, keep_default_na=False)["Model"]
    collapsed = {name.rstrip("†‡") for name in described if "†" in name}

    def told(row: pd.Series) -> str:
        """The architecture, the smaller distance, and which reading collapsed."""
        name = row["Model"].rstrip("†")
        which = (name in collapsed, "†" in row["Model"])
        distance = min(row["Distance described"], row["Distance pythae"], key=float)
        return f"{name} ({distance}{COLLAPSED[which]})"

    words = {
        readings.DESCRIBED: "the described method",
        readings.PYTHAE: "Pythae's class",
        readings.NEITHER: "neither, within the stated margin",
    }
    lines = []
    for word, text in words.items():
        rows = table[table["Nearer"] == word]
        if len(rows):
            lines.append(
                f"- {text} ({len(rows)}): {numbers.listing([told(row) for _, row in rows.iterrows()])}"
            )
    head = (
        f"Profile `{protocol.name}`, {len(table)} architectures with a second reading. Nearer to the printed row lies, "
        "with its distance in standard deviations of the printed columns:"
    )
    note = [] if protocol.verdicts else ["", "The profile trains too little for that to be an answer."]
    return {"readings": "\n".join([head, "", *lines, *note])}


COLLAPSED = {
    (False, False): "",
    (True, False): "; the described one collapsed",
    (False, True): "; Pythae's collapsed",
    (True, True): "; both collapsed",
}
"""Whether the described reading and Pythae's class collapsed → words after a distance."""


def publish_speed(results: Path, root: Path) -> dict[str, str]:
    """The last full bench below the results root into benchmarks/; its README block, or none without a bench."""
    speed = results / bench.FOLDER
    if not (speed / bench.MARKDOWN).is_file():
        return {}
    copy_folder(speed, root / "benchmarks", (bench.MARKDOWN, bench.CSV, bench.JSON))
    return {"bench": (speed / bench.MARKDOWN).read_text()}


def copy_ledger(store: Store, published: Path) -> None:
    """Add the checks of these results to the published drift ledger, each once."""
    from reproduce.golden.ledger import NAME, merged_ledgers

    source, target = store.folder / NAME, published / store.protocol.name / NAME
    if source.is_file():
        merged = merged_ledgers([target, source])
        files.write(target, merged.to_csv(index=False, lineterminator="\n").encode())


def publish_records(store: Store, published: Path) -> list[RunId]:
    """Drift ledger and, if the profile allows verdicts, the finished runs: what can be done before a report. Returns
    the runs copied."""
    files.clear_temporaries(published / store.protocol.name)
    copy_ledger(store, published)
    return copy_runs(store, published) if store.protocol.verdicts else []


def publish(store: Store, report: Path, root: Path, published: Path) -> list[RunId]:
    """Tables, figures, README and report from the rendered report, and the last bench; and `publish_records`.

    Ended at any moment, each file is the one of before or the new one, and the same command goes on from there.
    """
    files.clear_temporaries(root, "README.md.*", below=False)
    blocks = (
        readme_blocks(report, store.protocol)
        | nearer_readings(report / "tables", store.protocol)
        | publish_speed(store.folder.parent, root)
    )
    readme = root / "README.md"
    text = fill_blocks(readme.read_text(), blocks)
    copy_folder(report / "tables", root / "tables", ("*.csv", "*.md", "*.tex"))
    copy_folder(report / "figures", root / "figures", ("*.pdf", "*.png"))
    files.write(readme, text.encode())
    copied = publish_records(store, published)
    pdf = report / "report.pdf"
    if pdf.is_file():
        files.write(published / store.protocol.name / "report.pdf", pdf.read_bytes())
    return copied
