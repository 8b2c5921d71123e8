"""ONNX Runtime's own format (.ort), and the list of operators that a small build of it must hold.

The file is what the engine writes when it is told to save the graph that it has optimized; a build without the ONNX
reader loads it, and rewrites nothing. The list is made from that file by the code behind onnxruntime's
`convert_onnx_models_to_ort`, which as a whole would need the onnx package. Layouts that only processors with AVX like
are left out, as that tool leaves them out for phones.

Source: onnxruntime.ai/docs/performance/model-optimizations/ort-format-models.html
"""

import logging
import os
import warnings
from pathlib import Path

import onnxruntime

from limbeck.artifact.sealed import Artifact
from limbeck.errors import OutputError
from limbeck.ground.progress import Progress
from limbeck.recipe.scheme import INT8_BITS, Scheme
from limbeck.runtime.engine import Engine
from limbeck.targets.registry import Conversion

MODEL_FILE = "model.ort"
OPERATORS_FILE = "required_operators.config"
_ERRORS_ONLY = 3  # of ORT_LOGGING_LEVEL
_NOT_FOR_PHONES = ["NchwcTransformer"]


def convert(artifact: Artifact, folder: Path, *, progress: Progress) -> Conversion:  # noqa: ARG001  (a moment's work)
    """Write model.ort and required_operators.config into `folder`, and load the former; see `registry.Converter`."""
    from onnxruntime.tools.ort_format_model import create_config_from_models

    model = folder / MODEL_FILE
    _save(artifact.path(artifact.manifest.model_file), model)
    operators = folder / OPERATORS_FILE
    logging.getLogger("ort_format_model.utils").setLevel(logging.WARNING)  # which says where it writes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves closing the file to chance
        create_config_from_models([model], operators, enable_type_reduction=False)
    told = operators.read_text(encoding="utf-8")
    operators.write_text(told.replace(os.fspath(model), MODEL_FILE), encoding="utf-8")
    scheme = Scheme.parse(artifact.manifest.scheme)
    notes = []
    if scheme.weight_bits < INT8_BITS and scheme.group_size is None:
        notes.append(
            "This format holds the weights as they are multiplied, so those of fewer than 8 bits have 8 here; the "
            "artifact's own .onnx file is smaller, and the full build of ONNX Runtime loads it on phones too."
        )
    return Conversion(
        Engine(model, threads=1), f"onnxruntime {onnxruntime.__version__}", MODEL_FILE, notes=tuple(notes)
    )


def _save(source: Path, target: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = os.fspath(target)
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.add_session_config_entry("session.qdqisint8allowed", "1")  # as for processors of phones
    try:
        onnxruntime.InferenceSession(
            os.fspath(source), options, providers=["CPUExecutionProvider"], disabled_optimizers=_NOT_FOR_PHONES
        )
    except Exception as error:  # the binding's own classes have no common one
        if "Failed to save" not in str(error):
            raise
        raise OutputError(
            f"{target} could not be written ({error}).", hint="Free some space, or give another --out folder."
        ) from None
