"""The commands, by topic. They have no logic of their own; torch is imported only where it is needed."""
