"""The machine that computes: device, environment, commit, and what may stand in the way."""
