"""The runtime starts fast: what only other rooms need is not imported."""

import subprocess
import sys


def test_the_runtime_imports_numpy_onnxruntime_and_tokenizers_only() -> None:
    """A failure would add tenths of a second, or a missing package, to every start of a small service."""
    script = (
        "import sys, limbeck.runtime\n"
        "heavy = 'torch transformers onnx scipy pyarrow jinja2 rich typer pydantic huggingface_hub'.split()\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
