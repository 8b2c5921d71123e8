"""Run as a script by `limbeck.evaluate.fresh`: load an artifact, answer the text on stdin, tell the peak of memory."""

import json
import os
import sys
from pathlib import Path

from limbeck import load
from limbeck.ground.machine import peak_bytes


def main() -> None:
    """Arguments: the artifact's folder, the number of threads, and the engine."""
    asked = json.load(sys.stdin)
    model = load(Path(sys.argv[1]), threads=int(sys.argv[2]), engine=sys.argv[3])
    pair = asked["text_pair"]
    model.logits([asked["text"]], None if pair is None else [pair])
    sys.stdout.write(json.dumps({"peak_bytes": peak_bytes()}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what a process does when it ends is no part of its start


if __name__ == "__main__":
    main()
