"""The 22 systems: one small module a family, one ordered registry."""
