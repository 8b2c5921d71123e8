"""The static student: averages by hand, runs of tokens that count only where they are known, a start that is near."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from limbeck import student
from limbeck.encoder import heads
from limbeck.encoder.families import STATIC
from limbeck.encoder.pooling import Pooling
from limbeck.errors import RecipeError
from limbeck.recipe.knobs import Recipe
from limbeck.recipe.student import StudentTable
from limbeck.student.ngrams import known_runs
from limbeck.student.static import (
    NGRAMS,
    NUMBERS,
    TOKENS,
    StaticConfig,
    StaticForSequenceClassification,
    weighted_average,
)
from limbeck.student.static_start import principal
from limbeck.teacher.load import load_model
from tiny import write_teacher

WANTED = StudentTable(kind="static", table_size=8, ngram_rows=64, longest_ngram=3)


def small(*, runs: list[list[int]] | None = None) -> StaticForSequenceClassification:
    """A static student with numbers everywhere; it knows `runs`."""
    torch.manual_seed(0)
    config = StaticConfig(vocab_size=20, table_size=4, ngram_rows=64, longest_ngram=3, hidden_size=6, num_labels=3)
    model = StaticForSequenceClassification(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
        found = known_runs([run for run in runs or [] for _ in range(2)], longest=3, n_rows=64)
        model.get_buffer(NUMBERS).copy_(torch.from_numpy(found))
    return model


def test_the_average_is_the_formulas() -> None:
    """A failure would average padding in, or forget the weights.

    Rows 1 and 3 with weights 2 and 6: (2 * (1, 2) + 6 * (5, 6)) / 8 = (4, 5). Text two has no token that counts.
    """
    table = nn.Embedding.from_pretrained(torch.tensor([[0.0, 0.0], [1.0, 2.0], [9.0, 9.0], [5.0, 6.0]]))
    log_weights = torch.tensor([0.0, 2.0, 7.0, 6.0]).log()
    ids, mask = torch.tensor([[1, 3, 2], [0, 0, 0]]), torch.tensor([[1, 1, 0], [0, 0, 0]])
    found = weighted_average(table, log_weights, ids, mask)
    torch.testing.assert_close(found, torch.tensor([[4.0, 5.0], [0.0, 0.0]]))


def test_both_ways_to_sum_agree() -> None:
    """A failure would train another model with roundings in place than without."""

    class Rounded(nn.Embedding):
        """An embedding that is summed row by row, as rounded ones are."""

    torch.manual_seed(1)
    table, log_weights = nn.Embedding(9, 5), torch.randn(9)
    other = Rounded(9, 5)
    other.load_state_dict(table.state_dict())
    ids, mask = torch.randint(9, (4, 7)), torch.ones(4, 7, dtype=torch.int64)
    mask[1, 3:] = 0
    torch.testing.assert_close(
        weighted_average(table, log_weights, ids, mask), weighted_average(other, log_weights, ids, mask)
    )


def test_padding_and_neighbours_change_nothing() -> None:
    """A failure would answer a text otherwise among longer ones."""
    model = small(runs=[[2, 3, 4], [4, 5]])
    ids = torch.tensor([[2, 3, 4, 5, 6], [4, 5, 0, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    with torch.no_grad():
        together = model(ids, mask).logits
        alone = model(ids[1:, :2], mask[1:, :2]).logits
    torch.testing.assert_close(together[1:], alone)


def test_unknown_runs_count_for_nothing() -> None:
    """A failure would answer by the meaning of other words that happen to share a row."""
    knowing, ignorant = small(runs=[[2, 3], [3, 4, 5]]), small()
    known, unknown = torch.tensor([[3, 4, 5]]), torch.tensor([[5, 4, 3]])
    mask = torch.ones(1, 3, dtype=torch.int64)
    with torch.no_grad():
        assert not torch.allclose(knowing(known, mask).logits, ignorant(known, mask).logits)
        torch.testing.assert_close(knowing(unknown, mask).logits, ignorant(unknown, mask).logits)


def test_order_counts_through_runs_alone() -> None:
    """A failure would say that the runs do nothing: "not good" and "good not" would be one text."""
    model, mask = small(runs=[[7, 8]]), torch.ones(1, 2, dtype=torch.int64)
    with torch.no_grad():
        assert not torch.allclose(
            model(torch.tensor([[7, 8]]), mask).logits, model(torch.tensor([[8, 7]]), mask).logits
        )
        model.embeddings[NGRAMS].weight.zero_()
        torch.testing.assert_close(
            model(torch.tensor([[7, 8]]), mask).logits, model(torch.tensor([[8, 7]]), mask).logits
        )


def test_the_sentence_vector_is_as_wide_as_the_teachers() -> None:
    """A failure would leave nothing to compare with the state that the teacher's head reads."""
    model = small()
    output = model(torch.tensor([[1, 2]]), torch.ones(1, 2), output_hidden_states=True)
    assert output.hidden_states[-1].shape == (1, 1, 6)
    head = model.classifier(nn.functional.gelu(output.hidden_states[-1][:, 0]))
    torch.testing.assert_close(head, output.logits)


def test_principal_components_keep_what_lies_between_rows() -> None:
    """A failure would start from noise: rows of as many numbers must lie as far apart as before, but for one scale."""
    table = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 6))).float()
    found = principal(table, n_columns=6)
    ratio = torch.cdist(found, found)[~torch.eye(30, dtype=torch.bool)] / torch.cdist(table, table)[
        ~torch.eye(30, dtype=torch.bool)
    ]  # fmt: skip
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-4, atol=0)
    assert found.std().item() == pytest.approx(0.3, rel=1e-3)
    assert principal(table, n_columns=9)[:, 6:].abs().max() == 0


def test_it_starts_from_the_teacher_and_comes_back_from_disk(tmp_path: Path) -> None:
    """A failure would lose what was learned, the runs' rows with it, between training and export."""
    teacher = load_model(write_teacher(tmp_path / "teacher", labels=("a", "b", "c")))
    model = student.initialise(teacher, WANTED, seed=1)
    assert isinstance(model, StaticForSequenceClassification)
    table = teacher.get_input_embeddings().weight.detach().float()
    torch.testing.assert_close(model.embeddings[TOKENS].weight, principal(table, n_columns=8))
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    again = student.initialise(teacher, WANTED, seed=1).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in model.state_dict().items())
    model.get_buffer(NUMBERS)[3] = 2**31 - 2  # no float32 holds it
    (tmp_path / "student").mkdir()
    student.save_model(model, tmp_path / "student")
    back = student.load_static(tmp_path / "student")
    assert back is not None
    assert back.config.model_type == STATIC
    assert all(torch.equal(tensor, back.state_dict()[name]) for name, tensor in model.state_dict().items())
    assert student.load_static(tmp_path / "teacher") is None


def test_its_shape_has_no_layers(tmp_path: Path) -> None:
    """A failure would count parameters wrongly on the card: tables, their weights, projection, head."""
    teacher = load_model(write_teacher(tmp_path / "teacher"))
    shape = student.shape_of(student.initialise(teacher, WANTED))
    n_tokens = teacher.config.vocab_size
    assert (shape.layers, shape.heads, shape.vocabulary) == (0, 0, n_tokens)
    assert shape.parameters == (n_tokens + 64) * (8 + 1) + 32 * (8 + 1) + 2 * (32 + 1)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"kind": "static", "layers": 2}, "layers has nothing to say of a student of kind = \"static\""),
        ({"kind": "static", "config": "a.json"}, "config has nothing to say of a student of kind = \"static\""),
        ({"table_size": 64}, "table_size has nothing to say of a student of kind = \"transformer\""),
    ],
)  # fmt: skip
def test_knobs_of_the_other_kind_are_refused(table: dict[str, object], fault: str) -> None:
    """A failure would let somebody turn a knob that does nothing."""
    with pytest.raises(RecipeError, match=fault):
        Recipe.from_dict({"student": table})


def test_vectors_get_wider_tables_by_default(tmp_path: Path) -> None:
    """A failure would press sentence vectors into few directions, or make classifiers four times as large."""
    config = load_model(write_teacher(tmp_path / "teacher")).config
    plain = student.planned_config(config, student.unmeasured(config, StudentTable(kind="static")))
    pooled = heads.with_pooling(config, Pooling())
    wide = student.planned_config(pooled, student.unmeasured(pooled, StudentTable(kind="static")))
    assert (plain.table_size, wide.table_size) == (128, 256)
    assert heads.pooling_of(wide) == Pooling()
