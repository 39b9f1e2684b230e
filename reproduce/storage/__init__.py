"""Runs on disk: identities and keys, files that are written whole or not at all, and the records read from them."""
