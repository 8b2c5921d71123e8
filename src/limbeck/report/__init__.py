"""Report: records of a run, a sweep or a comparison become an HTML page, those of a run a model card too; no torch."""

from limbeck.report.card import model_card
from limbeck.report.compare_page import render_comparison
from limbeck.report.html import render
from limbeck.report.sweep_page import render_sweep

__all__ = ["model_card", "render", "render_comparison", "render_sweep"]
