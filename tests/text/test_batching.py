"""Texts of like length go together, none is lost, and the same seed gives the same batches."""

import numpy as np
import pytest

from limbeck.text.batching import by_length, served_by_length, shuffled_by_length


def test_longest_first_within_both_bounds_by_hand() -> None:
    """A failure would need more memory than the caller allowed, or run out of it only at the end."""
    # By length: 9 (index 1), 5 (4), 4 (0), 4 (2), 1 (3). 10 // 9 = 1 text; 10 // 5 = 2; then 10 // 4 = 2, of 4 and 1.
    batches = by_length([4, 9, 4, 1, 5], max_tokens=10, max_texts=8)
    assert [batch.tolist() for batch in batches] == [[1], [4, 0], [2, 3]]
    # At most two texts although ten tokens would hold all of these.
    assert [batch.tolist() for batch in by_length([1, 1, 1], max_tokens=10, max_texts=2)] == [[0, 1], [2]]


def test_a_text_longer_than_the_bound_goes_alone() -> None:
    """A failure would leave out a long text, or loop for ever."""
    assert [batch.tolist() for batch in by_length([3, 50, 3], max_tokens=10, max_texts=8)] == [[1], [0, 2]]


@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 3]])
def test_empty_lists_and_empty_texts(lengths: list[int]) -> None:
    """A failure would divide by a length of nothing."""
    batches = by_length(lengths, max_tokens=4, max_texts=2)
    assert sorted(index for batch in batches for index in batch.tolist()) == list(range(len(lengths)))


def test_artifacts_answer_in_small_batches() -> None:
    """A failure would round activations by other batches than those that an artifact was judged with."""
    # At most 32 texts; and of texts of 100 tokens as many as 512 tokens hold.
    assert [len(batch) for batch in served_by_length([1] * 40)] == [32, 8]
    assert [len(batch) for batch in served_by_length([100] * 6)] == [5, 1]
    # Those of a static student hold 256 texts, or 8,192 tokens.
    assert [len(batch) for batch in served_by_length([1] * 300, has_layers=False)] == [256, 44]
    assert [len(batch) for batch in served_by_length([1000] * 9, has_layers=False)] == [8, 1]


def test_each_text_once_and_little_padding() -> None:
    """A failure would answer texts twice or never, or compute on padding."""
    lengths = np.random.default_rng(0).integers(3, 60, size=1000)
    batches = by_length(lengths.tolist(), max_tokens=1024, max_texts=32)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert padded <= 1.05 * lengths.sum()
    assert all(len(batch) <= 32 and len(batch) * lengths[batch].max() <= 1024 for batch in batches)


def test_an_epoch_holds_each_text_once_in_full_batches() -> None:
    """A failure would teach some texts twice and others never, or take other steps than counted."""
    lengths = np.random.default_rng(0).integers(3, 60, size=1003).tolist()
    batches = shuffled_by_length(lengths, batch_size=10, generator=np.random.default_rng(1), pool_batches=7)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1003))
    assert sorted(len(batch) for batch in batches) == [3] + [10] * 100


def test_epochs_differ_but_the_same_seed_repeats() -> None:
    """A failure would show the same companions each epoch, or make a resumed run another run."""
    lengths = np.random.default_rng(0).integers(3, 60, size=500).tolist()

    def epochs(seed: int) -> list[list[list[int]]]:
        generator = np.random.default_rng(seed)
        return [
            [batch.tolist() for batch in shuffled_by_length(lengths, batch_size=16, generator=generator)]
            for _ in range(2)
        ]

    first, second = epochs(5)
    assert first != second
    assert epochs(5) == [first, second]
    assert epochs(6) != [first, second]


def test_training_batches_are_alike_in_length_yet_come_in_random_order() -> None:
    """A failure would compute on padding, or teach all short texts first."""
    lengths = np.random.default_rng(0).integers(3, 60, size=3200)
    batches = shuffled_by_length(lengths.tolist(), batch_size=32, generator=np.random.default_rng(0))
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    # In a pool of 50 batches a batch spans 1/50 of the lengths from 3 to 59, about 1 token; 10 % leaves room for that.
    assert padded <= 1.1 * lengths.sum()
    means = [float(lengths[batch].mean()) for batch in batches]
    # Of a random order the neighbours' correlation is 0 with standard deviation 0.1 for 100 batches; sorted near 1.
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.4


def test_no_texts_no_batches() -> None:
    """A failure would crash instead of training nothing."""
    assert shuffled_by_length([], batch_size=4, generator=np.random.default_rng(0)) == []


def test_rows_of_a_group_stay_together() -> None:
    """A failure would leave a reranker's batches without two passages of any query, and so without margins to learn."""
    draw = np.random.default_rng(0)
    groups = draw.permutation(np.repeat(np.arange(60), 5))
    lengths = draw.integers(5, 90, len(groups))
    batches = shuffled_by_length(lengths, batch_size=32, generator=np.random.default_rng(1), groups=groups)
    assert len(batches) == -(-300 // 32)
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(300))
    n_whole = sum(int((np.bincount(groups[batch]) == 5).sum()) for batch in batches)
    assert n_whole >= 60 - 2 * len(batches)
    other = shuffled_by_length(lengths, batch_size=32, generator=np.random.default_rng(2), groups=groups)
    assert [batch.tolist() for batch in other] != [batch.tolist() for batch in batches]


def test_groups_of_like_length_go_together() -> None:
    """A failure would pad short queries to the length of the longest of all."""
    groups = np.repeat(np.arange(40), 4)
    lengths = np.where(groups % 2, 100, 10)
    batches = shuffled_by_length(lengths, batch_size=16, generator=np.random.default_rng(0), groups=groups)
    assert all(len(set(lengths[batch])) == 1 for batch in batches)
