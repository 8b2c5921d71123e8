"""The losses of relations between tokens and between texts: by hand, by law, and refused where shapes do not fit."""

import math

import pytest
import torch

from limbeck.distill.losses import (
    attention_map_loss,
    embedding_regression_loss,
    margin_loss,
    relation_loss,
    similarity_loss,
)
from limbeck.errors import ShapeError

ONE_TEXT = torch.tensor([[1, 1, 0]])
THREE_NATS = math.log(3)


def test_relations_by_hand() -> None:
    """A failure would pull the student to relations that the teacher does not have, or let padding count.

    One head of d = 1, tokens 1 and 0 and padding. Teacher x = (sqrt(log 3), 0): scores (log 3, 0; 0, 0), rows
    (3/4, 1/4) and (1/2, 1/2). Student x = 0: rows of halves. KL of row 1: 3/4 log(3/2) + 1/4 log(1/2) = 0.130812, of
    row 2: 0, mean 0.065406; queries, keys and values alike: 0.196218.
    """
    teacher = torch.tensor([[[math.sqrt(THREE_NATS)], [0.0], [9.0]]])
    student = torch.tensor([[[0.0], [0.0], [-5.0]]])
    loss = relation_loss([student] * 3, [teacher] * 3, ONE_TEXT, n_heads=1)
    assert float(loss) == pytest.approx(3 * 0.130812 / 2, abs=1e-5)


def test_relations_obey_their_laws() -> None:
    """A failure would reward being unlike the teacher, or make the size of the student matter.

    Equal tensors: 0. Turning all tokens of a head by one rotation changes no product, so no relation. More numbers of
    zero a token: the products stay, only the root of d in the divisor differs, so the teacher's are scaled to fit.
    """
    draw = torch.Generator().manual_seed(0)
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    teacher = [torch.randn(2, 4, 6, generator=draw) for _ in range(3)]
    student = [torch.randn(2, 4, 4, generator=draw) for _ in range(3)]
    assert float(relation_loss(teacher, teacher, mask, n_heads=2)) == pytest.approx(0, abs=1e-6)
    assert float(relation_loss(student, teacher, mask, n_heads=2)) > 0
    turned = [tensor.unflatten(-1, (2, 3)).flip(-1).flatten(-2) for tensor in teacher]
    assert float(relation_loss(turned, teacher, mask, n_heads=2)) == pytest.approx(0, abs=1e-6)
    wider = [torch.cat([tensor, torch.zeros_like(tensor)], dim=-1) * 2**0.25 for tensor in student]
    assert float(relation_loss(wider, student, mask, n_heads=1)) == pytest.approx(0, abs=1e-6)
    padded = [tensor.clone() for tensor in student]
    for tensor in padded:
        tensor[0, 3] = 100.0
    found = float(relation_loss(padded, teacher, mask, n_heads=2))
    assert found == pytest.approx(float(relation_loss(student, teacher, mask, n_heads=2)))


def test_attention_maps_by_hand() -> None:
    """A failure would teach the student to look elsewhere.

    Row 1: teacher (1/2, 1/2), student (1/4, 3/4): 1/2 log 2 + 1/2 log(2/3) = 0.143841. Row 2 is equal: 0; row 3 is
    padding. Their mean 0.071921; two such layers sum.
    """
    teacher = torch.tensor([[[[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]])
    student = torch.tensor([[[[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]]])
    assert float(attention_map_loss([student], [teacher], ONE_TEXT)) == pytest.approx(0.0719205, abs=1e-6)
    twice = attention_map_loss([student] * 2, [teacher] * 2, ONE_TEXT)
    assert float(twice) == pytest.approx(2 * 0.0719205, abs=1e-6)


def test_other_numbers_of_heads_are_compared_by_their_means() -> None:
    """A failure would pair heads that have nothing to do with each other.

    Two teacher heads (1, 0) and (0, 1) are (1/2, 1/2) together, which is what the student's one head does.
    """
    teacher = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]]])
    student = torch.full((1, 1, 2, 2), 0.5)
    assert float(attention_map_loss([student], [teacher], torch.ones(1, 2))) == pytest.approx(0, abs=1e-6)


def test_similarities_by_hand() -> None:
    """A failure would bring texts together that the teacher tells apart.

    Teacher: texts at 0, 60 and 90 degrees: cosines 1/2 (first and second), 0 (first and third), sqrt(3)/2. Student: all
    at right angles: cosines 0, each neighbour 1/2. Temperature 1, row 1: p = softmax(1/2, 0) = (0.6225, 0.3775),
    0.6225 log 1.2449 + 0.3775 log 0.7551 = 0.0303; rows 2 and 3 likewise 0.0165 and 0.0856. Their mean: 0.0441.
    """
    angles = torch.tensor([0.0, math.pi / 3, math.pi / 2])
    teacher = 7 * torch.stack([angles.cos(), angles.sin()], dim=1)
    rows = [(0.5, 0.0), (0.5, math.sqrt(3) / 2), (0.0, math.sqrt(3) / 2)]
    wanted = 0.0
    for one, other in rows:
        p = math.exp(one) / (math.exp(one) + math.exp(other))
        wanted += (p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))) / 3
    assert float(similarity_loss(torch.eye(3), teacher, temperature=1.0)) == pytest.approx(wanted, abs=1e-6)
    assert wanted == pytest.approx(0.0441, abs=1e-4)


def test_similarities_know_no_lengths_and_no_sizes() -> None:
    """A failure would make a student of another width chase lengths that no comparison of embeddings looks at."""
    draw = torch.Generator().manual_seed(0)
    teacher = torch.randn(5, 8, generator=draw)
    scaled = torch.cat([teacher, torch.zeros(5, 3)], dim=1) * torch.rand(5, 1, generator=draw).add(0.5)
    assert float(similarity_loss(scaled, teacher)) == pytest.approx(0, abs=1e-5)
    assert float(similarity_loss(torch.randn(5, 8, generator=draw), teacher)) > 0.1
    lone = torch.randn(2, 8, requires_grad=True)
    loss = similarity_loss(lone, teacher[:2])
    loss.backward()
    assert float(loss.detach()) == 0


def test_embedding_regression_by_hand() -> None:
    """A failure would leave embeddings at another angle, or of another length. At 90 and 0 degrees; then 4 + 0."""
    student, teacher = torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([[0.0, 1.0], [4.0, 0.0]])
    assert float(embedding_regression_loss(student, teacher)) == pytest.approx(0.5)
    assert float(embedding_regression_loss(student, teacher, distance="squared")) == pytest.approx((2 + 4) / 2)
    assert float(embedding_regression_loss(teacher.bfloat16(), teacher)) == pytest.approx(0, abs=1e-6)


def test_margins_by_hand() -> None:
    """A failure would pull scores instead of differences. Margins 1 and 3 against 2 and -1: (1 + 16) / 2."""
    better, worse = torch.tensor([5.0, 3.0]), torch.tensor([4.0, 0.0])
    wanted = {"teacher_better": torch.tensor([12.0, -1.0]), "teacher_worse": torch.tensor([10.0, 0.0])}
    assert float(margin_loss(better, worse, **wanted)) == pytest.approx(8.5)
    moved = margin_loss(better + 100, worse + 100, **wanted)
    assert float(moved) == pytest.approx(8.5)


def test_shapes_that_do_not_fit_are_refused() -> None:
    """A failure would broadcast one text over all others, and train on it in silence."""
    three = [torch.zeros(1, 3, 4)] * 3
    with pytest.raises(ShapeError, match="and there are 3 relation heads"):
        relation_loss(three, three, ONE_TEXT, n_heads=3)
    with pytest.raises(ShapeError, match="the mask \\(1, 3\\)"):
        relation_loss([torch.zeros(1, 2, 4)], [torch.zeros(1, 2, 4)], ONE_TEXT, n_heads=2)
    with pytest.raises(ShapeError, match="Student maps are"):
        attention_map_loss([torch.zeros(1, 2, 3, 3)], [], ONE_TEXT)
    with pytest.raises(ShapeError, match="Student vectors are"):
        similarity_loss(torch.zeros(3, 4), torch.zeros(1, 4))
    with pytest.raises(ShapeError, match="Student embeddings are"):
        embedding_regression_loss(torch.zeros(3, 4), torch.zeros(3, 5))
    with pytest.raises(ShapeError, match="Scores of student and teacher are"):
        margin_loss(torch.zeros(3), torch.zeros(3), teacher_better=torch.zeros(3), teacher_worse=torch.zeros(1))
