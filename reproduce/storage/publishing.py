"""What `make publish` copies into tracked folders: tables/, figures/, the generated parts of README and docs/, and
published/<profile>/.

If the results root holds tables of `make bench`, they go into benchmarks/ and the block of docs/SPEED.md.

published/ holds the records, codes and sample images of every finished run of a profile that allows verdicts, the files
of failed runs, one set of weights per model (`BEST_FIRST`), and the compiled report that belongs to tables/ and
figures/. From it any clone can render everything and continue. Large files are compressed. Runs of `smoke` and `quick`
are not published: they are quickly repeated, and a clone's first `make reproduce` should train.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from reproduce import protocol
from reproduce.errors import ReproduceError
from reproduce.protocol import BEST_FIRST
from reproduce.report import MANIFESTS, PAGES
from reproduce.storage import files
from reproduce.storage.runs import RunId, canonical
from reproduce.storage.store import (
    FAILED,
    FRESH,
    MANIFEST,
    PROVENANCE,
    SAMPLES,
    WEIGHTS,
    Store,
    file_problems,
    read_manifest,
)

WEIGHTS_SEED = 42
"""The seed whose weights are published, for each model from the first profile in BEST_FIRST that has them."""
PACKED = (WEIGHTS, SAMPLES, "images.csv", "pairs.csv", "frames.csv", "milestones.csv")
"""Files that are published in the xz format."""

SPEED_FOLDER = "bench"
"""Folder below the results root to which `make bench` writes its tables."""
SPEED_TABLES = ("speed.md", "speed.csv", "speed.json")

BLOCK = re.compile(r"(<!-- begin: (?P<name>[a-z0-9-]+) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL)
"""A generated part of a page."""


def pages(root: Path) -> dict[Path, str]:
    """The pages with generated parts: README and docs."""
    found = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    return {path: path.read_text(encoding="utf-8") for path in found if path.is_file()}


def filled_pages(root: Path, blocks: Mapping[str, str]) -> dict[Path, str]:
    """The pages with each named block replaced. Raises ReproduceError for a block that no page has."""
    texts = pages(root)
    present = {match["name"] for text in texts.values() for match in BLOCK.finditer(text)}
    lacking = sorted(set(blocks) - present)
    if lacking:
        raise ReproduceError(
            f"neither README.md nor a page of docs/ has the block '{lacking[0]}': restore its begin and end comments"
        )
    return {path: fill_blocks(text, blocks) for path, text in texts.items()}


def fill_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """The text with new content in each of its blocks that is among those given."""

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
    """Copy every fresh or failed run of the results folder; returns those that were new or had changed."""
    copied = []
    for run in store.known_runs():
        status = store.status(run, verify=True)
        target = published / store.protocol.name / run.folder
        without = left_out(store, run, published)
        here = status.state in (FRESH, FAILED) and status.folder == store.path(run)
        if here and not is_published(store, run, target, without):
            copy_run(store, run, target, without)
            copied.append(run)
        if here and store.protocol.name in BEST_FIRST:
            demote(store, run, published)
    return copied


def left_out(store: Store, run: RunId, published: Path) -> set[str]:
    """Names of the run's files that are not published: sample images of a variant, and weights unless they are the best
    available ones."""
    if run.is_reference:
        return set()
    better = BEST_FIRST[: BEST_FIRST.index(store.protocol.name)] if store.protocol.name in BEST_FIRST else ()
    held = any(holds_weights(published, name, run) for name in better)
    best = run.seed == WEIGHTS_SEED and not run.variant and store.protocol.name in BEST_FIRST and not held
    return (set() if best else {WEIGHTS}) | ({SAMPLES} if run.variant else set())


def holds_weights(published: Path, name: str, run: RunId) -> bool:
    """Whether the profile's run is published with weights that today's code would train."""
    status = Store(published, protocol.profile(name)).status(run)
    return bool(status.folder and not status.retrain and files.stored(status.folder / WEIGHTS))


def demote(store: Store, run: RunId, published: Path) -> None:
    """Once the run's weights are published, remove the model's published weights from profiles further down in
    BEST_FIRST."""
    if files.stored(published / store.protocol.name / run.folder / WEIGHTS):
        for name in BEST_FIRST[BEST_FIRST.index(store.protocol.name) + 1 :]:
            if not run.is_reference and (worse := files.stored(published / name / run.folder / WEIGHTS)):
                files.remove(worse)


def is_published(store: Store, run: RunId, target: Path, without: set[str]) -> bool:
    """Whether the target has the run's manifest, a readable provenance, and all of its files intact; those in `without`
    may be missing."""
    manifest = store.path(run) / MANIFEST
    if not (target / MANIFEST).is_file() or (target / MANIFEST).read_bytes() != manifest.read_bytes():
        return False
    whole = not file_problems(target, read_manifest(manifest), verify=True, may_lack=without)
    return whole and (store.provenance(run, target) != {} or store.provenance(run) == {})


def copy_run(store: Store, run: RunId, target: Path, without: set[str]) -> None:
    """Replace the target's content by the run; the manifest is written last. Raises ReproduceError."""
    source = store.path(run)
    names = sorted(read_manifest(source / MANIFEST)["files"].keys() - without)
    packed = {name: f"{name}{files.XZ}" if name in PACKED else name for name in names}
    files.remove(target / MANIFEST)
    for name in names:
        content = store.read(source, name)
        files.write(target / packed[name], files.compressed(content) if name in PACKED else content)
    provenance = {name: value for name, value in store.provenance(run).items() if name != "host"}
    files.write(target / PROVENANCE, canonical(provenance))
    for path in sorted(target.glob("[!.]*")):  # left from an earlier run
        if path.is_file() and path.name not in (*packed.values(), PROVENANCE):
            files.remove(path)
    files.write(target / MANIFEST, (source / MANIFEST).read_bytes())


def rendered_blocks(report: Path) -> dict[str, str]:
    """The generated parts of README and docs in a rendered report, by the names of their blocks. Raises ReproduceError
    if the rendering is incomplete: report.tex is its last file."""
    parts = {path.stem: path.read_text(encoding="utf-8") for path in (report / PAGES).glob("*.md")}
    if not parts or not (report / "report.tex").is_file():
        raise ReproduceError(f"{report} has nothing to publish: run `make render` first")
    return parts


def manifests(store: Store) -> dict[str, list[str]]:
    """The runs that a report of the profile is made from: <profile>/<run's folder> → SHA-256 of its manifests, in the
    results and published. Includes the profiles that it is compared with."""
    root, published = store.folder.parent, store.published.parent if store.published is not None else None
    stores = [store, *(Store(root, other, published) for other in protocol.companions(store.protocol))]
    return {
        f"{each.protocol.name}/{folder}": digests
        for each in stores
        for folder, digests in each.manifests().items()
    }


def rendered_from(report: Path) -> dict[str, set[str]]:
    """The `manifests` that `render` stored before it read the records. Raises ReproduceError if it stored none."""
    try:
        noted = json.loads(files.read(report / MANIFESTS))
    except (ReproduceError, ValueError, RecursionError):
        noted = None
    if not isinstance(noted, dict) or not all(isinstance(digests, list) for digests in noted.values()):
        raise ReproduceError(
            f"{report} does not say which runs it was made from: run `make render` (or `make pdf`) first"
        )
    return {run: {digest for digest in digests if isinstance(digest, str)} for run, digests in noted.items()}


def require_latest(store: Store, report: Path) -> None:
    """Raises ReproduceError if a run has finished or disappeared since the report was rendered, which makes its numbers
    outdated.

    Publishing a run adds no new manifest, so an interrupted publication can go on.
    """
    shown, now = rendered_from(report), manifests(store)
    finished = [run for run, digests in now.items() if not set(digests) <= shown.get(run, set())]
    for runs, what in ((finished, "finished"), (shown.keys() - now.keys(), "gone")):
        if runs:
            who = "a run has" if len(runs) == 1 else f"{len(runs)} runs have"
            raise ReproduceError(
                f"{who} {what} since {report} was rendered: run `make render` (or `make pdf`) first"
            )


def publish_speed(results: Path, root: Path) -> dict[str, str]:
    """Copy the last full bench below the results root into benchmarks/; returns its block, {} without a bench."""
    tables = [results / SPEED_FOLDER / name for name in SPEED_TABLES]
    if not tables[0].is_file():
        return {}
    for path in tables:
        files.write(root / "benchmarks" / path.name, files.read(path))
    return {"bench": files.read(tables[0]).decode()}


def publish_records(store: Store, published: Path) -> list[RunId]:
    """Publish the finished runs if the profile allows verdicts; this needs no report. Returns the runs copied."""
    files.clear_temporaries(published / store.protocol.name)
    return copy_runs(store, published) if store.protocol.verdicts else []


def publish(store: Store, report: Path, root: Path, published: Path) -> list[RunId]:
    """Publish the rendered report with its tables, figures and parts of README and docs, the last bench, and the runs.

    If this is interrupted, each file is either the old or the new one, and the same command goes on from there.
    """
    files.clear_temporaries(root, "README.md.*", below=False)
    files.clear_temporaries(root / "docs", "*.md.*", below=False)
    parts = rendered_blocks(report)
    require_latest(store, report)
    pdf, published_pdf = report / "report.pdf", published / store.protocol.name / "report.pdf"
    before = sorted(published.glob(f"*/{published_pdf.name}"))
    if before and not pdf.is_file():
        raise ReproduceError(f"{before[0]} would stay as it was beside new tables: run `make pdf` first")
    blocks = parts | publish_speed(store.folder.parent, root)
    texts = filled_pages(root, blocks)
    copy_folder(report / "tables", root / "tables", ("*.csv", "*.md", "*.tex"))
    copy_folder(report / "figures", root / "figures", ("*.pdf", "*.png"))
    for path, text in texts.items():
        files.write(path, text.encode())
    copied = publish_records(store, published)
    if pdf.is_file():
        files.write(published_pdf, pdf.read_bytes())
        for other in set(before) - {published_pdf}:
            files.remove(other)
    return copied
