"""Does the installed torch fit the GPU and the CUDA version it is meant for? Asks the build, needs no GPU.

The image's build calls it as `check_torch_build.py --cuda 13.0 --architecture sm_86`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def misfits(
    cuda: str, architecture: str, built_for_cuda: str | None, built_for: Sequence[str]
) -> tuple[str, ...]:
    """What is wrong with a torch build, one sentence each; empty if it fits.

    cuda, architecture: what is wanted, as "13.0" and "sm_86".
    built_for_cuda, built_for: what `torch.version.cuda` (None: a build for the CPU) and
    `torch.cuda.get_arch_list()` answer.
    """
    found = []
    if built_for_cuda != cuda:
        found.append(f"torch is built for CUDA {built_for_cuda or 'none (CPU only)'}, wanted is {cuda}")
    if architecture not in built_for:
        listed = " ".join(built_for) or "none"
        found.append(f"torch holds no machine code for {architecture}, only for: {listed}")
    return tuple(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what the installed torch is built for; exit code 1 if it does not fit."""
    parser = argparse.ArgumentParser(description="Check what the installed torch was built for.")
    parser.add_argument("--cuda", required=True, help="CUDA version, as 13.0")
    parser.add_argument("--architecture", required=True, help="GPU architecture, as sm_86 (NVIDIA A40)")
    wanted = parser.parse_args(arguments)

    import torch

    built_for = torch.cuda.get_arch_list()
    wrong = misfits(wanted.cuda, wanted.architecture, torch.version.cuda, built_for)
    for sentence in wrong:
        print(f"error: {sentence}", file=sys.stderr)
    print(f"torch {torch.__version__}, CUDA {torch.version.cuda}, machine code for {' '.join(built_for)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
