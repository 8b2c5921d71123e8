"""What a command tells machines: JSON on stdout, where people's words never stand."""

import sys
from typing import Any


def print_json(value: Any) -> None:  # noqa: ANN401  (anything that JSON can hold)
    """Print a value as JSON, indented."""
    import json

    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
