"""In-batch similarities: texts that the teacher holds to be alike become alike to the student."""

from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError

USUAL_TEMPERATURE = 0.05
"""Cosines lie between -1 and 1: divided by it, near neighbours stand out from the rest of a batch."""


def similarity_loss(student: Tensor, teacher: Tensor, *, temperature: float = USUAL_TEMPERATURE) -> Tensor:
    """Divergence of the student's distribution over a text's neighbours in the batch from the teacher's.

    p(j | i) = softmax over j != i of cos(x_i, x_j) / temperature,   loss = mean over i of KL(p_teacher || p_student)

    Only angles between texts count, so that the two sides may differ in size, and nothing needs to be projected.

    Args:
        student: (batch, size) a vector a text, any float dtype.
        teacher: (batch, size) of the same texts; its size may be another one.
        temperature: Above 0; the smaller, the more the nearest neighbours count.

    Returns: Scalar, in nats, never negative; 0 for batches of less than three texts, which have no choice.

    Raises:
        ShapeError: Numbers of texts differ, or a side is no matrix.

    Source: Passalis and Tefas 2018, "Probabilistic Knowledge Transfer", arXiv:1803.10837, equations 4 to 6, with the
    softmax at a temperature in place of their shifted cosines, as in Fang et al. 2021, "SEED", arXiv:2101.04731.
    """
    if student.ndim != 2 or teacher.ndim != 2 or len(student) != len(teacher):
        raise ShapeError(
            f"Student vectors are {tuple(student.shape)}, teacher vectors {tuple(teacher.shape)}.",
            hint="Give (batch, size) of the same texts on both sides.",
        )
    if len(student) < 3:
        return 0.0 * student.float().sum()
    goal, found = (_log_neighbours(side, temperature) for side in (teacher, student))
    return (goal.exp() * (goal - found)).sum(dim=-1).mean()


def _log_neighbours(vectors: Tensor, temperature: float) -> Tensor:
    """(batch, size) -> (batch, batch - 1): logarithms of p(j | i), i itself left out."""
    unit = functional.normalize(vectors.float(), dim=-1)
    n_texts = len(unit)
    cosines = (unit @ unit.T).flatten()[1:].view(n_texts - 1, n_texts + 1)[:, :-1].reshape(n_texts, n_texts - 1)
    return functional.log_softmax(cosines / temperature, dim=-1)
