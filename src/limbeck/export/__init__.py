"""A student becomes an ONNX file by limbeck's own small exporter: standard operators only, one file a family."""

from limbeck.export.writer import SUPPORTED_FAMILIES, refuse_unsupported, write_onnx

__all__ = ["SUPPORTED_FAMILIES", "refuse_unsupported", "write_onnx"]
