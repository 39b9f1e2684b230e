"""Every statement of the paper, judged twice: against the paper's own tables, and against a campaign.

`registry.load()` reads the statements (data), `judge.judge(records)` evaluates them, `summary` makes the overviews,
`stored` keeps verdicts beside a report. A statement's `kind` names a predicate, a pure function of data frames; its
docstring is its rule. Predicates never see a verdict. Nothing is imported here: reading one stored verdict must be
fast.
"""
