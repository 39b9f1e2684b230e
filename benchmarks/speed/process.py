"""A process of one side: reads requests and writes answers, one JSON document per line.

{"do": "prepare", "side": "pythae" or "ours", "slug", "steps", "threads"} → {}
{"do": "epoch"} → {"seconds"}
{"do": "sgemm" or "convolution", "seconds"} → {"rate"} in operations per second
An exception becomes {"error": its text}. The only argument is the device to work on. The process ends when its input
does.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

from benchmarks.speed.sides import OurSide, PythaeSide, Side, convolution_rate, sgemm_rate


class Worker:
    """Keeps the prepared side between requests."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.side: Side | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request. Raises ValueError for an unknown request."""
        match request:
            case {"do": "prepare", "side": "pythae", "slug": slug, "steps": steps, "threads": threads}:
                self.side = PythaeSide(slug, steps, threads, self.device)
                return {}
            case {"do": "prepare", "side": "ours", "slug": slug, "steps": steps, "threads": 1}:
                self.side = OurSide(slug, steps, self.device)
                return {}
            case {"do": "epoch"} if self.side is not None:
                return {"seconds": self.side.epoch()}
            case {"do": "sgemm", "seconds": seconds}:
                return {"rate": sgemm_rate(seconds, self.device)}
            case {"do": "convolution", "seconds": seconds}:
                return {"rate": convolution_rate(seconds, self.device)}
        raise ValueError(f"not understood: {request}")


def main() -> None:
    """Serve until the input ends. All other output is discarded, so that only answers are written."""
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        try:
            answer = worker.answer(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
