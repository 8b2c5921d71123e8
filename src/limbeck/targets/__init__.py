"""An artifact in the form of another runtime: one file a target, each checked before it is kept."""

from limbeck.targets.exporting import Export, export_artifact
from limbeck.targets.registry import TARGETS, Conversion, Target

__all__ = ["TARGETS", "Conversion", "Export", "Target", "export_artifact"]
