"""The measurement as a table (Markdown and CSV), as lines for a terminal, and as JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.speed.measure import Bench, Measurement
from reproduce.architectures.names import LABELS
from reproduce.report.numbers import fixed, percent
from reproduce.storage import files
from reproduce.storage.publishing import SPEED_FOLDER, SPEED_TABLES


def heads(bench: Bench) -> tuple[str, ...]:
    """The heads of the table's columns."""
    return (
        "Model",
        "Pythae's trainer trains",
        "Pythae, images/s",
        f"ours, {workers(bench.workers)}, images/s",
        "ratio",
        f"ours, {workers(1)}, images/s",
        "share of the peak",
    )


def workers(count: int) -> str:
    """ "1 worker", "2 workers"."""
    return f"{count} worker{'' if count == 1 else 's'}"


TRAINS = {True: "its class", False: "our plain form"}
"""What Pythae's trainer trains in a shared row and in a plain one."""


def grouped(bench: Bench) -> list[Measurement]:
    """The measurements: shared rows first, then the plain ones; each group in Table I's order."""
    return sorted(bench.measurements, key=lambda m: not m.shared)


def row(bench: Bench, m: Measurement) -> tuple[str, ...]:
    """One architecture's cells, in the order of `heads`."""
    return (
        LABELS[m.slug],
        TRAINS[m.shared],
        fixed(m.pythae_rate, 0),
        fixed(m.our_rate, 0),
        fixed(m.ratio, 2),
        fixed(m.alone_rate, 0),
        percent(m.share_of(bench.peak_rate)),
    )


def progress(m: Measurement) -> str:
    """One line after an architecture was measured."""
    rates = f"Pythae {fixed(m.pythae_rate, 0)}, ours {fixed(m.our_rate, 0)} images/s"
    return f"{LABELS[m.slug]}: {rates}, ratio {fixed(m.ratio, 2)} ({m.steps} steps)"


def means(bench: Bench) -> tuple[str, ...]:
    """The summary lines below the table."""
    low = min(bench.measurements, key=lambda m: m.ratio)
    lines = [f"geometric mean {fixed(bench.mean_ratio(), 2)} over {len(bench.measurements)} architectures"]
    if any(m.shared for m in bench.measurements):
        count = sum(m.shared for m in bench.measurements)
        lines.append(
            f"geometric mean {fixed(bench.mean_ratio(shared_only=True), 2)} over the {count} shared rows"
        )
    lines.append(f"lowest {fixed(low.ratio, 2)} ({LABELS[low.slug]})")
    return tuple(lines)


def machine_line(bench: Bench) -> str:
    """The machine, the versions and the date in one line."""
    m = bench.machine
    commit = m.get("commit", "")
    known = f"commit {commit[:10]}{'+' if commit.endswith('+') else ''}" if commit else ""
    words = [
        f"{bench.cores} cores of {m['processor']} ({m['instruction_set']})",
        f"matrix product {fixed(bench.sgemm_rate / 1e9, 0)} GFLOP/s",
        f"transposed convolution {fixed(bench.convolution_rate / 1e9, 0)} GFLOP/s",
        f"torch {m['torch']}",
        f"pythae {m['pythae']}",
        m["date"],
        known,
        f"load before {m['load_before']}",
    ]
    return ", ".join(filter(None, words))


def whole_line(bench: Bench) -> str:
    """How the time of a whole run is spent; "" if none was timed."""
    run = bench.whole
    if run is None:
        return ""
    return (
        f"A whole run of {LABELS[run.slug]} in the profile `{run.profile}`, alone: {fixed(run.total, 0)} s, of which "
        f"training {percent(run.training / run.total)}, evaluation {percent(run.evaluation / run.total)}, "
        f"start-up and writing {percent(run.start_up / run.total)}"
    )


def caption(bench: Bench) -> str:
    """What was measured and what was left out."""
    return (
        f"Training steps of 64 images on the same layers and images, in turns: Pythae's own trainer with "
        f"{bench.cores} threads, and ours with {bench.workers} processes of one thread (images a second summed). "
        "Where Pythae's class has other losses than ours, its trainer trains our method written plainly. Medians over "
        f"{len(bench.measurements[0].pythae)} rounds. Left out on both sides: start-up, warming up, validation, "
        "evaluation, checkpoints. Counted are images that receive a reconstruction gradient. Share of the "
        "peak: convolutions and matrix products of the plain function, forward and backward, over the higher of two "
        "rates measured in between with the same processes, that of a float32 matrix product and that of a large "
        "transposed convolution."
    )


def to_markdown(bench: Bench) -> str:
    """The block of docs/SPEED.md."""

    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cells) + " |"

    notes = [*means(bench), whole_line(bench), machine_line(bench)]
    return "\n".join(
        [
            f"**Speed against Pythae's own trainer.** {caption(bench)}",
            "",
            line(heads(bench)),
            line((":--", ":--", *["--:"] * (len(heads(bench)) - 2))),
            *(line(row(bench, m)) for m in grouped(bench)),
            "",
            "<br>\n".join(f"{note[0].upper()}{note[1:]}." for note in notes if note),
            "",
        ]
    )


CSV_HEADS = (
    "architecture",
    "pythae_trains",
    "steps",
    "step_gflop",
    "pythae_images_s",
    "our_images_s",
    "ratio",
    "one_worker_images_s",
    "peak_share",
)


def to_csv(bench: Bench) -> str:
    """Numbers with six digits, one line per architecture."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_HEADS)
    for m in grouped(bench):
        rates = (m.pythae_rate, m.our_rate, m.ratio, m.alone_rate, m.share_of(bench.peak_rate))
        numbers = [f"{value:.6g}" for value in (m.flops / 1e9, *rates)]
        writer.writerow([m.slug, TRAINS[m.shared], m.steps, *numbers])
    return out.getvalue()


def to_json(bench: Bench) -> str:
    """All measurements, and the numbers derived from them."""
    derived = {
        m.slug: {
            "pythae_images_s": m.pythae_rate,
            "our_images_s": m.our_rate,
            "one_worker_images_s": m.alone_rate,
            "ratio": m.ratio,
            "peak_share": m.share_of(bench.peak_rate),
        }
        for m in bench.measurements
    }
    means = {"all": bench.mean_ratio()}
    if any(m.shared for m in bench.measurements):
        means["shared"] = bench.mean_ratio(shared_only=True)
    return json.dumps({"geometric_mean": means, "results": derived, **asdict(bench)}, indent=1) + "\n"


def to_lines(bench: Bench) -> list[str]:
    """The table for a terminal."""
    cells = [heads(bench), *(row(bench, m) for m in grouped(bench))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    def padded(line: tuple[str, ...]) -> str:
        return "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()

    return [*map(padded, cells), *means(bench), *filter(None, [whole_line(bench)]), machine_line(bench)]


def write(bench: Bench, results: Path) -> Path:
    """Write the three files below the results root; returns their folder."""
    folder = results / SPEED_FOLDER
    for name, text in zip(SPEED_TABLES, (to_markdown(bench), to_csv(bench), to_json(bench)), strict=True):
        files.write(folder / name, text.encode())
    return folder
