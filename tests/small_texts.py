"""Labelled texts for small artifacts, and settings under which these are judged in a moment."""

import random
from typing import Any

import numpy as np

from small_artifact import LABELS
from tiny import WORDS

TEACHER = "0" * 32
"""The fingerprint of the teacher that small artifacts name."""
QUICK = {
    "verify.timing_texts": 2, "verify.timing_rounds": 1, "verify.fresh_starts": 0, "verify.threads": 1,
    "verify.bootstrap_samples": 200,
}  # fmt: skip
QUICK_FLAGS = [word for key, value in QUICK.items() for word in (f"--{key}", str(value))]
TEACHER_TOLD: dict[str, Any] = {"models": [{"name": "teacher", "size_bytes": 91_000_000, "n_parameters": 22_000_000}]}
"""What a verdict within a manifest tells of the teacher."""
_DRAW = random.Random(0)
TEXTS = list(dict.fromkeys(" ".join(_DRAW.choices(WORDS, k=_DRAW.randint(2, 9))) for _ in range(120)))
ROWS = [{"text": text, "label": LABELS[index % len(LABELS)]} for index, text in enumerate(TEXTS)]
WANTED = np.arange(len(TEXTS)) % len(LABELS)
SAID = np.random.default_rng(3).normal(size=(len(TEXTS), len(LABELS))).astype(np.float32)
"""What a teacher might say of them."""
WITHOUT_TORCH = """
import sys
class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "onnx", "accelerate", "datasets"):
            raise ModuleNotFoundError(f"{name} is not installed")
sys.meta_path.insert(0, Bar())
from limbeck.cli.main import run
run()
"""
"""The console script where limbeck was installed without extras."""
