"""What a task is: one file a task, each with the columns of a row, what an answer is, and which metric scores it."""

from limbeck.tasks import classification

TASKS = {"classification": classification}

__all__ = ["TASKS", "classification"]
