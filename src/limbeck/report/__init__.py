"""Report: records of a run or a sweep become an HTML page for people, those of a run a model card too. Never torch."""

from limbeck.report.card import model_card
from limbeck.report.html import render
from limbeck.report.sweep_page import render_sweep

__all__ = ["model_card", "render", "render_sweep"]
