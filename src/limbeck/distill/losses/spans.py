"""Spans: where an answer begins and where it ends, each a distribution over the tokens of a window."""

from torch import Tensor

from limbeck.encoder.heads import log_softmax_by_row
from limbeck.errors import ShapeError
from limbeck.text.examples import UNLABELLED


def soft_span_loss(student_logits: Tensor, teacher_logits: Tensor, *, rows: Tensor, temperature: float) -> Tensor:
    """Pull the student's softened distributions over tokens towards the teacher's.

    T^2 * (KL of the first tokens + KL of the last tokens) / 2, averaged over the windows, each KL between softmaxes
    over the tokens of one window that can begin or end an answer: those of its context, and its first, for no answer.

    Args:
        student_logits: (units, 2), any float dtype: first and last tokens.
        teacher_logits: (units, 2), of the same units.
        rows: (units,) int64, which window each unit belongs to.
        temperature: T > 0.

    Returns: Scalar, in nats, never negative.

    Raises:
        ShapeError: Units differ, or there are not two columns.

    Source: Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2, with the two distributions of Devlin et al. 2019,
        "BERT", arXiv:1810.04805, section 4.2.
    """
    _check(student_logits, teacher_logits, rows)
    student = log_softmax_by_row(student_logits.float() / temperature, rows)
    teacher = log_softmax_by_row(teacher_logits.float() / temperature, rows)
    return temperature**2 * (teacher.exp() * (teacher - student)).sum() / (2 * _n_rows(rows))


def true_span_loss(student_logits: Tensor, wanted: Tensor, *, rows: Tensor) -> Tensor:
    """Cross-entropy of first and of last tokens, the mean of both, averaged over the windows that have labels.

    Args:
        student_logits: (units, 2), any float dtype.
        wanted: (units, 2), each column a distribution over the units of a window; `UNLABELLED` where nobody said.
        rows: (units,) int64, which window each unit belongs to.

    Returns: Scalar, in nats, never negative; 0 where no window has labels.

    Raises:
        ShapeError: Units differ, or there are not two columns.

    Source: Devlin et al. 2019, "BERT", arXiv:1810.04805, section 4.2.
    """
    _check(student_logits, wanted, rows)
    is_known = wanted[:, :1] != UNLABELLED
    total = -(wanted * log_softmax_by_row(student_logits.float(), rows) * is_known).sum()
    return total / (2 * _n_rows(rows[is_known[:, 0]])) if bool(is_known.any()) else total * 0.0


def _n_rows(rows: Tensor) -> int:
    return int(rows.unique().numel())


def _check(student_logits: Tensor, wanted: Tensor, rows: Tensor) -> None:
    if student_logits.shape != wanted.shape or student_logits.shape[1:] != (2,) or len(rows) != len(student_logits):
        raise ShapeError(
            f"Student logits are {tuple(student_logits.shape)}, what is wanted {tuple(wanted.shape)}, "
            f"of {len(rows)} units.",
            hint="All must be of the same units, with a column for first and one for last tokens.",
        )
