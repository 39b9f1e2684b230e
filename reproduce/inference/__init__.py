"""Finished models at work: loaded by name, on a user's own images."""
