"""Options that commands in several files have."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Engine = Annotated[
    str, typer.Option("--engine", help="onnxruntime, openvino, or auto: the fastest here, measured once.")
]
