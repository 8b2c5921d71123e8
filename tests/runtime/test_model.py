"""The runtime: texts in, answers out, in the order given."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from limbeck.errors import ArtifactError, DataError, RecipeError
from limbeck.runtime import Model, load
from limbeck.runtime.engine import Engine
from small_artifact import LABELS, expected_logits, tables_of, write_artifact, write_graph

TEXTS = [
    "play a song",
    "wake me at seven",
    "",
    "is rain very awful today or tomorrow?",
    "the great film was not really bad but the music was awful and the weather was awful too",
    "Ünïcode 🎵 你好",
    "stop",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One artifact for the tests that only read it."""
    return write_artifact(tmp_path_factory.mktemp("artifact"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    """That artifact, loaded."""
    return load(folder, threads=1)


def test_logits_equal_the_arithmetic_text_by_text(model: Model, folder: Path) -> None:
    """A failure would mean that padding, sorting or the order back changes answers."""
    found = model.logits(TEXTS)
    np.testing.assert_allclose(found.values, expected_logits(folder, TEXTS), atol=1e-5)  # float32 sums in another order
    assert found.values.dtype == np.float32


def test_pairs_carry_their_segments(model: Model, folder: Path) -> None:
    """A failure would mean that a pair is answered as if it were one text, or with the texts swapped."""
    pairs = TEXTS[::-1]
    np.testing.assert_allclose(model.logits(TEXTS, pairs).values, expected_logits(folder, TEXTS, pairs), atol=1e-5)


def test_answers_stay_beside_their_texts(folder: Path) -> None:
    """A failure would mean that many texts of mixed length come back in another order."""
    generator = np.random.default_rng(0)
    many = [" ".join(generator.choice(["play", "rain", "wake", "me", "song"], size=size)) for size in range(1, 14)] * 20
    generator.shuffle(many)
    model = load(folder, threads=2)
    together = model.logits(many).values
    alone = np.concatenate([model.logits(text).values for text in many])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_more_texts_than_are_tokenized_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would mean that a large call loses or misnumbers texts at the joint of two pieces."""
    monkeypatch.setattr("limbeck.runtime.model._PIECE_TEXTS", 3)
    found = load(folder, threads=1).logits(TEXTS)
    np.testing.assert_allclose(found.values, expected_logits(folder, TEXTS), atol=1e-5)
    assert found.truncated == (4,)


def test_a_single_text_gets_a_list_of_one(model: Model) -> None:
    """A failure would mean that a string is taken for a list of letters."""
    assert model("play a song") == model(["play a song"])
    assert model("play", "stop") == model(["play"], ["stop"])
    assert len(model("play a song")) == 1


def test_no_texts_no_answers(model: Model) -> None:
    """A failure would crash a service that is asked nothing."""
    assert model([]) == []
    assert model.logits([]).values.shape == (0, 3)


def test_truncated_texts_are_told(model: Model) -> None:
    """A failure would hide that the model read only the start of a text."""
    found = model.answer(["play", "a " * 15, "a " * 14, "play"])  # 14 words and two special tokens are the 16 allowed
    assert found.truncated == (1,)
    assert found.n_truncated == 1
    assert model.logits(["a " * 15]).n_truncated == 1


def test_what_a_model_tells_of_itself(model: Model, folder: Path) -> None:
    """A failure would put a wrong size or wrong threads into every comparison."""
    names = ("onnx/model_quantized.onnx", "config.json", "tokenizer.json", "tokenizer_config.json")
    assert model.size_bytes == sum((folder / name).stat().st_size for name in names)
    assert model.label_names == LABELS
    assert model.threads == 1
    assert model.manifest.scheme == "w8a8e8"


def test_zero_threads_are_the_physical_cores(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would make the default slow or a container throttled."""
    monkeypatch.setattr("limbeck.ground.machine.physical_cores", lambda: 3)
    assert load(folder).threads == 3


def test_a_graph_without_segments_gets_none(tmp_path: Path) -> None:
    """A failure would make RoBERTa-like artifacts unusable: their graphs refuse an unknown input."""
    folder = write_artifact(tmp_path / "artifact", with_type_ids=False)
    alone = load(folder).logits(["play a song"])
    np.testing.assert_array_equal(alone.values, load(folder).logits(["play a song", "stop"]).values[:1])


def test_the_float_variant_answers_with_the_float_graph(folder: Path, model: Model) -> None:
    """A failure would compare the int8 model with itself, or tell the size of the other one."""
    floating = load(folder, variant="float", threads=1)
    np.testing.assert_allclose(floating.logits(TEXTS).values, 2 * model.logits(TEXTS).values, rtol=1e-5)
    difference = (folder / "onnx/model.onnx").stat().st_size - (folder / "onnx/model_quantized.onnx").stat().st_size
    assert difference > 0
    assert floating.size_bytes == model.size_bytes + difference


def test_a_slim_copy_has_no_float_variant(tmp_path: Path) -> None:
    """A failure would show a stack, or answer with the other model than asked for."""
    folder = write_artifact(tmp_path / "artifact")
    (folder / "onnx/model.onnx").unlink()
    with pytest.raises(ArtifactError) as caught:
        load(folder, variant="float")
    assert str(caught.value) == (
        f"{folder} lacks onnx/model.onnx, the float model.\n"
        "Hint: Copy the whole artifact, or load the variant that is there."
    )
    assert load(folder)("play")[0].label in LABELS


def test_many_threads_may_ask_at_once(model: Model) -> None:
    """A failure would mix the answers of two requests of one server."""
    expected = model.logits(TEXTS).values
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.logits(TEXTS).values, range(80)))
    assert all(np.array_equal(values, expected) for values in found)


@pytest.mark.parametrize("asking", ["model({})", "asyncio.run(model.answer_async({}))"])
def test_a_forked_child_is_told_instead_of_hanging(folder: Path, asking: str) -> None:
    """A failure would hang every worker of a pre-forking server without a word."""
    script = (
        "import asyncio, os, sys\n"
        "from limbeck.runtime import load\n"
        "model = load(sys.argv[1], threads=2)\n"
        f"{asking.format(['play a song', 'stop'])}\n"
        "if (child := os.fork()) == 0:\n"
        "    try:\n"
        f"        {asking.format(repr('stop'))}\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, error.hint, flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, folder], capture_output=True, text=True, timeout=60, check=False, env=_plain()
    )
    hint = "Load the model in each worker, after the fork; or start workers by spawning."
    assert (done.returncode, done.stdout, done.stderr) == (0, f"LimbeckError {hint}\n", "")


def _plain() -> dict[str, str]:
    """The environment of a user, who has not told the tokenizers library how to fork."""
    return {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}


@pytest.mark.parametrize(
    ("texts", "pairs", "message"),
    [
        (["a", 3], None, "Expected a text (str) at texts[1], got int."),
        (["a", None], None, "Expected a text (str) at texts[1], got NoneType."),
        (["a"], [b"a"], "Expected a text (str) at text_pairs[0], got bytes."),
        (["a", "b"], ["a"], "Expected one second text for each of 2 texts, got 1."),
        (["a"], "a", "Expected texts and text_pairs as two lists or two strings, got list and str."),
        ("a", ["a"], "Expected texts and text_pairs as two lists or two strings, got str and list."),
        (7, None, "Expected texts and text_pairs as two lists or two strings, got int and NoneType."),
        (["a", "b\ud83d"], None, "texts[1] holds half of a character (U+D83D) at position 1."),
    ],
)
def test_what_is_no_text_is_refused_by_its_index(model: Model, texts: object, pairs: object, message: str) -> None:
    """A failure would leave a user of a million rows to find the bad one himself."""
    with pytest.raises(DataError) as caught:
        model(texts, pairs)  # type: ignore[arg-type]
    assert caught.value.message == message


def test_the_index_counts_from_the_first_text_of_the_call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would name the wrong row of a large call, and only after the rows before it were computed."""
    monkeypatch.setattr("limbeck.runtime.model._PIECE_TEXTS", 2)
    with pytest.raises(DataError, match=r"^texts\[5\] holds half of a character"):
        load(folder, threads=1)(["a"] * 5 + ["\udfff"])


def test_settings_that_do_not_exist(folder: Path) -> None:
    """A failure would answer with another model or other threads than asked for."""
    with pytest.raises(RecipeError, match=r"^threads is -1\."):
        load(folder, threads=-1)
    with pytest.raises(RecipeError, match=r"^variant is 'int4'\."):
        load(folder, variant="int4")  # type: ignore[arg-type]


def test_a_graph_that_onnxruntime_cannot_load(tmp_path: Path) -> None:
    """A failure would show a stack of a C++ library instead of what to do."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(ArtifactError, match=rf"^ONNX Runtime [\d.]+ cannot load {path} \(") as caught:
        Engine(path, threads=1)
    assert caught.value.hint == "Update onnxruntime; when that does not help, copy the artifact again or make it anew."


def test_a_graph_of_another_kind(tmp_path: Path) -> None:
    """A failure would give hidden states out as logits."""
    path = tmp_path / "model.onnx"
    write_graph(path, tables_of(10, 3, 0), output="last_hidden_state")
    with pytest.raises(ArtifactError) as caught:
        Engine(path, threads=1)
    assert caught.value.message == (
        f"{path} takes input_ids, attention_mask, token_type_ids and gives last_hidden_state; expected inputs among "
        "input_ids, attention_mask, token_type_ids, and the output logits or sentence_embedding."
    )


def test_labels_that_do_not_fit_the_graph(tmp_path: Path) -> None:
    """A failure would give answers with the names of other labels."""
    folder = write_artifact(tmp_path / "artifact", label_names=("yes", "no"))
    with pytest.raises(ArtifactError) as caught:
        load(folder)
    path = folder / "onnx/model_quantized.onnx"
    assert caught.value.message == f"{path} gives 3 classes, the manifest names 2 labels."
