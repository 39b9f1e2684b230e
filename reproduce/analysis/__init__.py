"""From records to statements: summaries, statistics, Pareto set and regimes, recommendations, claims.

Everything here is a pure function of data frames. A *models frame* has one row an architecture (index: slug,
in Table I's order) and a column a metric; `reproduce.paper.models()` and `summaries.summarise(records)` give
the same form, so that each question is asked of the paper and of a campaign by the same function.
"""
