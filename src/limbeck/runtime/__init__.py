"""From an artifact to answers, without torch: `load` gives a model that is called with texts."""

from limbeck.runtime.answers import Answers, Logits
from limbeck.runtime.lines import Prediction, predict_lines
from limbeck.runtime.model import Model, load

__all__ = ["Answers", "Logits", "Model", "Prediction", "load", "predict_lines"]
