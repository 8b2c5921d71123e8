"""A student becomes the files of an artifact, by limbeck's own small ONNX exporter: one file a family."""

from limbeck.export.folder import running_size, write_artifact
from limbeck.export.writer import SUPPORTED_FAMILIES, refuse_unsupported, write_onnx

__all__ = ["SUPPORTED_FAMILIES", "refuse_unsupported", "running_size", "write_artifact", "write_onnx"]
