"""What the paper printed: its three tables and its claims, with each number as printed.

The files beside this one hold the printed characters, so that precision survives ("0.890" is not "0.89"):

* `table1.csv`, `table2.csv`: rows in printed order, units as printed (MSE and PIQ × 10³, ISS × 10);
* `table3.csv`: slugs beside the printed wording; abbreviations ("Disentangle.", "Extremes") are spelt out
  by the paper's own lists (Sections IV-E and VII-A);
* `claims/*.csv`: one file per section, one row per statement (see `reproduce.verdicts`).
"""

from reproduce.paper.printed import Printed
from reproduce.paper.tables import CELLS, PAPER_SLUGS, Cell, Tables, models, table3, tables

__all__ = ["CELLS", "PAPER_SLUGS", "Cell", "Printed", "Tables", "models", "table3", "tables"]
