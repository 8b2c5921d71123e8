"""A finished artifact in another scheme: its float student rounded again, without calibration or further training."""

from dataclasses import replace
from pathlib import Path

from limbeck.artifact.manifest import quantized_model_file
from limbeck.artifact.sealed import open_artifact, seal
from limbeck.export.folder import write_artifact
from limbeck.quantization import quantize_student
from limbeck.recipe.scheme import Scheme
from limbeck.teacher.load import load_model


def write_in_scheme(source: Path, scheme: str, folder: Path) -> Path:
    """Write and seal it; nobody has judged it.

    Args:
        source: The artifact.
        scheme: Such as "w4a8e4".
        folder: Where to; new.
    """
    manifest = open_artifact(source, check=False).manifest
    student = load_model(source).eval()
    packed = quantize_student(student, scheme=scheme).weights
    model_file = quantized_model_file(Scheme.parse(scheme))
    folder.mkdir(parents=True)
    inputs = write_artifact(
        student,
        folder,
        tokenizer_folder=source,
        packed=packed,
        max_tokens=manifest.max_tokens,
        model_file=model_file,
    )
    seal(folder, replace(manifest, scheme=scheme, model_file=model_file, inputs=inputs, verdict=None, files={}))
    return folder
