"""Compares fresh numbers with golden ones, and shows the paper's beside them.

`golden/<profile>/` holds raw numbers of real runs, all of a profile's or some of a long one's (runs.csv, images.csv,
pairs.csv, curves.csv), every architecture's loss parts at initialisation (losses.csv), the provenance of the machine
they ran on, the tolerances with their reasons (bands.csv), and the runs whose spread gave them (spread/).
|fresh - golden| may be at most absolute + relative·|golden|; `same` applies on the same class of machine, `other`
elsewhere. A tolerance is pooled over architectures, except for those whose own spread is far larger than the others'
(chaotic training). Images, pairs and epochs are compared row by row, too; their tolerance follows from their metric's.
"""

from reproduce.golden.comparison import as_lines, compare, conclusion, not_compared, summary
from reproduce.golden.content import FOLDER, Golden, machine_provenance, runs_in
from reproduce.golden.folder import (
    changes,
    frames,
    initial_losses,
    is_recorded,
    of_records,
    read,
    require_clean,
    require_fresh,
    write,
)
from reproduce.golden.tolerances import tolerances_for

__all__ = [
    "FOLDER",
    "Golden",
    "as_lines",
    "changes",
    "compare",
    "conclusion",
    "frames",
    "initial_losses",
    "is_recorded",
    "machine_provenance",
    "not_compared",
    "of_records",
    "read",
    "require_clean",
    "require_fresh",
    "runs_in",
    "summary",
    "tolerances_for",
    "write",
]
