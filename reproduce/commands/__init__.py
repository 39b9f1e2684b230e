"""The commands, by what they are about. They hold no logic; torch is imported only where it is needed."""
