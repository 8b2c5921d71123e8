"""What stands for the label names of a model whose outputs are no labels: numbers, ends, kept tokens."""

from limbeck.tasks.embeddings import dimensions
from limbeck.tasks.question_answering import ENDS
from limbeck.tasks.regression import NUMBER
from limbeck.text.kept_tokens import COLUMNS

_NAMES = {
    "regression": (NUMBER,),
    "reranking": (NUMBER,),
    "embeddings": (NUMBER,),
    "question-answering": ENDS,
    "fill-mask": COLUMNS,
}


def output_names(task: str, n_outputs: int | None = None) -> tuple[str, ...]:
    """The names of a model's outputs, where they are no labels.

    Args:
        task: See `limbeck.tasks`.
        n_outputs: Numbers of a vector, or labels that a reranker's own files name: two or more are its own. None where
            nobody knows of any, or none are wanted, as for texts without a teacher.

    Returns: (outputs,) names; empty where outputs are labels, which have names of their own.
    """
    if task == "embeddings" and n_outputs is not None:
        return dimensions(n_outputs)
    if task == "reranking" and n_outputs is not None and n_outputs > 1:
        return ()
    return _NAMES.get(task, ())
