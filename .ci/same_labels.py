"""Refuses two files of predictions that differ in a text or a label; says how many lines it compared."""

import json
import sys
from pathlib import Path


def main(first: Path, second: Path) -> int:
    """Compare line by line. Probabilities may differ in their last digits: the two may compute with other threads."""
    one, other = (
        [(row["text"], row["label"]) for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())]
        for path in (first, second)
    )
    if not one or one != other:
        different = sum(a != b for a, b in zip(one, other, strict=False))
        print(f"{different} of {len(one)} and {len(other)} predictions differ.", file=sys.stderr)
        return 1
    print(f"{len(one)} predictions, the same labels with torch and without it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
