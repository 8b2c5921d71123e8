"""Options that commands in several files have."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Engine = Annotated[
    str, typer.Option("--engine", help="onnxruntime, openvino, or auto: the fastest here, measured once.")
]
Signals = Annotated[Path | None, typer.Option("--signals", help="Folder of the teacher's answers. Default: the cache.")]
