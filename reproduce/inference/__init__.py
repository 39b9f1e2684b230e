"""Uses finished models: loads them by name and applies them to a user's own images."""
