"""Benchmarks that run from a checkout and are not part of the package: speed compared with Pythae's trainer, and a GPU
compared with the CPU.

The last published results: speed.md, speed.csv, speed.json.
"""
