"""The machine that computes: device, environment, commit, and checks for problems."""
