"""What is run from a checkout and is no part of the package: speed beside Pythae's trainer, a GPU beside the CPU.

Their results, as published last: speed.md, speed.csv, speed.json.
"""
