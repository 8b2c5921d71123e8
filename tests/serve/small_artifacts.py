"""One small artifact for each task, sealed in a moment: what the server is tested with."""

from pathlib import Path

from limbeck.text.kept_tokens import COLUMNS
from small_artifact import write_artifact

TAGS = ("O", "B-person", "I-person", "B-place")


def write_all(root: Path) -> dict[str, Path]:
    """Task -> its artifact, in a folder of the task's name."""
    return {
        "classification": write_artifact(root / "classification"),
        "multi-label": write_artifact(root / "multi-label", task="multi-label"),
        "regression": write_artifact(root / "regression", task="regression", labels=("score",)),
        "reranking": write_artifact(root / "reranking", task="reranking", labels=("relevance",)),
        "embeddings": write_artifact(root / "embeddings", task="embeddings", labels=[str(one) for one in range(8)]),
        "token-classification": write_artifact(
            root / "token-classification", task="token-classification", labels=TAGS, by_token=True, max_tokens=32
        ),
        "question-answering": write_artifact(
            root / "question-answering",
            task="question-answering",
            labels=("start", "end"),
            by_token=True,
            max_tokens=32,
        ),
        "fill-mask": write_artifact(
            root / "fill-mask", task="fill-mask", labels=COLUMNS, by_token=True, n_outputs=-1, max_tokens=32
        ),
    }
