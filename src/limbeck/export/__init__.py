"""A student becomes the files of an artifact, by limbeck's own small ONNX exporter: one file a family."""

from limbeck.export.folder import running_size, size_beside, write_artifact
from limbeck.export.multiply_adds import MultiplyAdds, multiply_adds
from limbeck.export.writer import SUPPORTED_FAMILIES, refuse_unsupported, write_onnx

__all__ = [
    "SUPPORTED_FAMILIES", "MultiplyAdds", "multiply_adds", "refuse_unsupported", "running_size", "size_beside",
    "write_artifact", "write_onnx",
]  # fmt: skip
