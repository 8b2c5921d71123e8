"""How a task's models read texts, by what the recipe says of the texts."""

import math
from collections.abc import Mapping
from typing import Any

from limbeck.tasks import TASKS
from limbeck.text.windows import USUAL_OVERLAP, ReadingRules


def reading_rules(task: str, data: Mapping[str, Any]) -> ReadingRules:
    """What a tokenizer is told besides its length limit.

    Args:
        task: Its name.
        data: The recipe's table of that name, as a run or an artifact has it; keys that it lacks get their defaults.
    """
    threshold = data.get("no_answer_threshold")
    return ReadingRules(
        TASKS[task].reads,
        overlap=data.get("window_overlap", USUAL_OVERLAP),
        threshold=math.inf if threshold is None else float(threshold),
    )
