"""Report: a run's records become one HTML page for people, and the model card of the artifact. Never torch."""

from limbeck.report.card import model_card
from limbeck.report.html import render

__all__ = ["model_card", "render"]
