"""A static page that runs the artifact in the browser, and works without a network once it was loaded.

What is compared with the artifact is the page's own graph, unpacked again, by ONNX Runtime outside of a browser; that
browsers answer alike is what tests/web holds, in headless Chromium.
"""

import gzip
import re
import tempfile
from pathlib import Path

import onnxruntime

from limbeck.artifact.sealed import Artifact
from limbeck.ground import wording
from limbeck.ground.progress import Progress
from limbeck.runtime.engine import Engine
from limbeck.targets.registry import Conversion
from limbeck.web import write_page

_HOW = "Put the folder on any host of static files; to try it here: python -m http.server -d FOLDER"
_HEADING = re.compile(r"^# (\S.*)$", re.MULTILINE)


def convert(artifact: Artifact, folder: Path, *, progress: Progress, runtime_files: Path | None = None) -> Conversion:
    """Write the page into `folder`; see `registry.Converter`.

    Args:
        artifact: What answers.
        folder: An existing empty folder.
        progress: Told what goes on.
        runtime_files: See `limbeck.web.runtime_files`.
    """
    packed = write_page(artifact, folder, name=_name(artifact), runtime_folder=runtime_files, progress=progress)
    with tempfile.TemporaryDirectory() as place:
        model = Path(place) / "model.onnx"
        model.write_bytes(gzip.decompress((folder / packed).read_bytes()))
        answering = Engine(model, threads=1)
    n_bytes = sum(path.stat().st_size for path in folder.iterdir())
    return Conversion(
        answering,
        f"onnxruntime {onnxruntime.__version__}, outside of a browser",
        packed,
        notes=(f"{wording.size(n_bytes)} to load once. {_HOW}",),
    )


def _name(artifact: Artifact) -> str:
    """What the model card calls the artifact."""
    card = artifact.path("README.md")
    found = _HEADING.search(card.read_text(encoding="utf-8")) if card.exists() else None
    return found.group(1) if found else artifact.folder.absolute().name
