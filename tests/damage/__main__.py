"""Damage many files: `python -m damage COUNT [FORMAT...]`, with `tests` on the path."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from damage.harness import run

_BATCH = 1000
_FORMATS = ("export", "pth", "legacy", "safetensors", "onnx", "caffe", "mxnet", "tensorflow")


def main() -> None:
    count, kinds = int(sys.argv[1]), sys.argv[2:] or list(_FORMATS)
    outcomes: Counter[str] = Counter()
    began = time.monotonic()
    for first in range(0, count, _BATCH):
        for kind in kinds:
            with tempfile.TemporaryDirectory() as folder:
                found = run({kind: min(_BATCH, count - first)}, Path(folder), first)
            outcomes += found.outcomes
            for fault in found.faults:
                print(fault, flush=True)
            print(f"{time.monotonic() - began:.0f} s: {dict(sorted(outcomes.items()))}", flush=True)


if __name__ == "__main__":
    main()
