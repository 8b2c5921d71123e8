"""What a task is: one file a task, each with the columns of a row, what an answer is, and which metric scores it."""

from limbeck.tasks.classification import Classification
from limbeck.tasks.embeddings import Embeddings
from limbeck.tasks.fill_mask import FillMask
from limbeck.tasks.multi_label import MultiLabel
from limbeck.tasks.outputs import output_names
from limbeck.tasks.question_answering import QuestionAnswering
from limbeck.tasks.regression import Regression
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

__all__ = ["TASKS", "Answer", "LabelKind", "MeasureWords", "Task", "output_names"]
