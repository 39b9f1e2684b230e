"""The one comparison: fresh numbers against golden ones, beside the paper's.

`golden/<profile>/` holds raw numbers of real runs (runs.csv, images.csv, pairs.csv, curves.csv), every architecture's
loss parts at initialisation (losses.csv), the provenance of the machine they ran on, the bands with their reasons
(bands.csv), and the runs from whose spread the bands were measured (spread/). A band is two-sided: |fresh - golden|
may be at most absolute + relative·|golden|; `same` counts on the same class of machine, `other` elsewhere. It is
pooled over architectures, but for those whose own spread lies far beyond the others' (chaotic in training). Images,
pairs and epochs are compared row by row as well, with a band that follows from their metric's (`comparison`).

`model` says what these are, `recording` reads and writes them, `comparison` compares, `bands` measures bands,
`tolerances` runs what they are measured from, `distinguishing` asks what they can tell apart, `ledger` keeps the
drift.
"""

from reproduce.golden.bands import (
    Spread,
    bands_for,
    borrowed,
    farthest_rows,
    from_other_machines,
    measured_bands,
    read_spread,
    record_bands,
    write_spread,
)
from reproduce.golden.comparison import as_lines, compare, conclusion, summary
from reproduce.golden.distinguishing import alike, pair_count
from reproduce.golden.ledger import append_ledger, ledger_line, merged_ledgers, read_ledger
from reproduce.golden.model import (
    COMPARED,
    FOLDER,
    INITIAL,
    MACHINE,
    POOLED,
    Band,
    CannotCompare,
    Comparison,
    Golden,
    machine_class,
    machine_provenance,
    rekeyed,
)
from reproduce.golden.recording import (
    changes,
    frames,
    initial_losses,
    of_records,
    read,
    read_bands,
    require_clean,
    require_fresh,
    write,
    write_bands,
)

__all__ = [
    "COMPARED",
    "FOLDER",
    "INITIAL",
    "MACHINE",
    "POOLED",
    "Band",
    "CannotCompare",
    "Comparison",
    "Golden",
    "Spread",
    "alike",
    "append_ledger",
    "as_lines",
    "bands_for",
    "borrowed",
    "changes",
    "compare",
    "conclusion",
    "farthest_rows",
    "frames",
    "from_other_machines",
    "initial_losses",
    "ledger_line",
    "machine_class",
    "machine_provenance",
    "measured_bands",
    "merged_ledgers",
    "of_records",
    "pair_count",
    "read",
    "read_bands",
    "read_ledger",
    "read_spread",
    "record_bands",
    "rekeyed",
    "require_clean",
    "require_fresh",
    "summary",
    "write",
    "write_bands",
    "write_spread",
]
