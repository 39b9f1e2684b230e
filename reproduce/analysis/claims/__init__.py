"""Every claim of the paper, judged twice: against the paper's own tables, and against a campaign.

`load()` reads the registry (data), `judge(records)` evaluates it. A claim's `kind` names a predicate, a pure
function of data frames; its docstring is the rule that the report prints. Predicates never see a verdict.
"""

from reproduce.analysis.claims.judgement import (
    evaluate,
    judge,
    ledger,
    paper_world,
    rules,
    smoothness_restated,
    tally,
)
from reproduce.analysis.claims.model import (
    AS_TRAINED,
    IN_RESULTS,
    WITHIN_PAPER,
    Claim,
    Finding,
    Outcome,
    Verdict,
    World,
    command,
)
from reproduce.analysis.claims.registry import load

__all__ = [
    "AS_TRAINED",
    "IN_RESULTS",
    "WITHIN_PAPER",
    "Claim",
    "Finding",
    "Outcome",
    "Verdict",
    "World",
    "command",
    "evaluate",
    "judge",
    "ledger",
    "load",
    "paper_world",
    "rules",
    "smoothness_restated",
    "tally",
]
