"""How far answers moved: the Kullback-Leibler divergence between what logits stand for before and after a change."""

from torch import Tensor
from torch.nn import functional

from limbeck.encoder.heads import log_softmax_by_row


def summed_divergence(
    before: Tensor, after: Tensor, *, task: str, spread: float, ends_in: Tensor | None = None
) -> float:
    """Sum over texts of KL(before || after), in nats, by what a model's head gives.

    One label a text: between softmax distributions. Several: between the yes-or-no distributions of each label, summed.
    A number or a score: between normal distributions about it that scatter as those of all texts, (a - b)^2 / (2 s^2).
    A vector: the same, the mean over its numbers.
    Hidden tokens: between softmax distributions of the tokens that are compared, all others together being one.
    Ends of answers: between the softmax distributions of each window, of first and of last tokens.

    Args:
        before: (texts, outputs) logits.
        after: (texts, outputs) logits.
        task: See `limbeck.tasks`.
        spread: Standard deviation s of the numbers over all texts; read for numbers and vectors.
        ends_in: Where the rows are tokens and the columns ends of answers: (tokens,) the window of each.
    """
    before, after = before.double(), after.double()
    if ends_in is not None:
        exact, moved = log_softmax_by_row(before, ends_in), log_softmax_by_row(after, ends_in)
        return float((exact.exp() * (exact - moved)).sum())
    if task in {"regression", "reranking"}:
        return float((before - after).square().sum() / (2 * spread**2))
    if task == "embeddings":
        return float((before - after).square().sum() / (2 * spread**2 * before.shape[-1]))
    if task == "multi-label":
        pairs = ((before, after), (-before, -after))
        return sum(
            float((one.sigmoid() * (functional.logsigmoid(one) - functional.logsigmoid(other))).sum())
            for one, other in pairs
        )
    exact = before.log_softmax(dim=-1)
    return float((exact.exp() * (exact - after.log_softmax(dim=-1))).sum())
