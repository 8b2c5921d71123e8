"""Report: what a run, sweep, comparison or benchmark tells, as an HTML page; of a run a model card too; no torch."""

from limbeck.report.bench_page import render_bench
from limbeck.report.card import model_card
from limbeck.report.compare_page import render_comparison
from limbeck.report.html import render
from limbeck.report.sweep_page import render_sweep

__all__ = ["model_card", "render", "render_bench", "render_comparison", "render_sweep"]
