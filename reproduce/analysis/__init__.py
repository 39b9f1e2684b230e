"""From records to statements: summaries, statistics, Pareto set and regimes, recommendations, claims.

Everything here is a pure function of data frames. A *models frame* has one row per architecture (index: slug,
in Table I's order) and one column per metric. `reproduce.paper.models()` and `summaries.summarise(records)` both
have this form, so the same functions analyse the paper and a campaign.
"""
