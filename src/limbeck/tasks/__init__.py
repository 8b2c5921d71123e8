"""What a task is: one file a task, each with the columns of a row, what an answer is, and which metric scores it."""

from limbeck.kept_tokens import COLUMNS
from limbeck.tasks.classification import Classification
from limbeck.tasks.embeddings import Embeddings
from limbeck.tasks.fill_mask import FillMask
from limbeck.tasks.multi_label import MultiLabel
from limbeck.tasks.question_answering import ENDS, QuestionAnswering
from limbeck.tasks.regression import NUMBER, Regression
from limbeck.tasks.reranking import Reranking
from limbeck.tasks.task import Answer, LabelKind, MeasureWords, Task
from limbeck.tasks.token_classification import TokenClassification

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Classification(), MultiLabel(), Regression(), Reranking(), Embeddings(), TokenClassification(),
        QuestionAnswering(), FillMask(),
    )
}  # fmt: skip

NAMELESS = {"regression": (NUMBER,), "question-answering": ENDS, "fill-mask": COLUMNS}
"""What stands for the label names of tasks whose labels are no names."""
__all__ = ["NAMELESS", "TASKS", "Answer", "LabelKind", "MeasureWords", "Task"]
