"""Runs on disk: identities and keys, files written whole or not at all, and the records read from them."""
