"""The 22 architectures: one small module per family, and one ordered registry."""
