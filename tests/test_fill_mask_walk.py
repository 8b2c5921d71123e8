"""Fill-mask through the whole walk: a head taught, an encoder distilled, judged, sealed, and fine-tuned later."""

import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limbeck
from limbeck.errors import DataError, RecipeError, TeacherError
from limbeck.pipeline import Run, compress
from limbeck.planning import plan
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.records.verdict import ARTIFACT, BASELINE, STUDENT, TEACHER
from limbeck.report import model_card
from limbeck.runtime import predict_lines
from limbeck.teacher import load_teacher
from limbeck.teaching import teach
from limbeck.text.masking import SHARE
from limbeck.text.units import Ragged
from limbeck.verification import verify
from small_run import SETTINGS, labelled_rows, write_rows
from tiny import write_teacher
from watching import Events, Interrupted

THINGS = {
    "wake": "seven", "call": "mum", "play": "song", "set": "alarm", "stop": "timer", "turn": "music", "hate": "rain",
    "love": "weather", "work": "home", "film": "eight",
}  # fmt: skip
TEACH = {"epochs": 14, "patience": 14, "batch_size": 16, "learning_rate": 3e-3}
DISTILL = {name: value for name, value in SETTINGS["distill"].items() if name != "augment"} | {"epochs": 8}


def sentences() -> list[dict[str, str]]:
    """Sentences of two parts, in which each word but the last tells the one beside it."""
    found = [
        f"{one} my {THINGS[one]} and {two} my {THINGS[two]}{end}"
        for one in THINGS
        for two in THINGS
        for end in ("", " please")
        if one != two
    ]
    return [{"text": text} for text in random.Random(4).sample(found, len(found))]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a teacher that was taught to fill masks."""
    root = tmp_path_factory.mktemp("masks")
    data = write_rows(root / "texts.jsonl", sentences())
    recipe = Recipe.from_dict({**SETTINGS, "task": "fill-mask", "teach": TEACH})
    taught = teach(write_teacher(root / "encoder"), data, out=root / "taught", recipe=recipe)
    assert taught.validation_score == max(point.validation_score or 0 for point in taught.record.curve)
    found = Recipe.from_dict({**SETTINGS, "distill": DISTILL})  # a teacher says what it was made for
    return compress(taught.folder, data, out=root / "run", recipe=found, signals=root / "signals")


def _scores(run: Run, name: str) -> Any:
    return next(model for model in run.verdict.models if model.name.startswith(name))


def _further(scores: Any, name: str) -> float:
    return float(next(one.score.value for one in scores.further if one.name == name))


def test_a_run_is_judged_by_the_tokens_that_were_hidden(walked: Run) -> None:
    """The figures are worked out here from whole rows of logits; a failure would judge by other tokens."""
    assert walked.verdict.task == walked.record.recipe["task"] == "fill-mask"
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder, root = walked.artifact, walked.folder.parent
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    loaded = limbeck.load(folder, variant="float")
    texts = [row["text"] for row in sentences()]
    found, counts, logs, near = loaded.logits(texts).values, [], [], []
    for text, spans in zip(texts, found.units.spans, strict=True):
        given = tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
        offsets = given.pop("offset_mapping")[0].tolist()
        places = [place for place, span in enumerate(offsets) if span in spans.tolist() and span != [0, 0]]
        assert len(places) == len(spans) == max(1, round(SHARE * (len(offsets) - 2)))
        true = given["input_ids"][0, places].tolist()
        given["input_ids"][0, places] = tokenizer.mask_token_id
        shares = model(**given).logits[0, places].log_softmax(-1).detach().numpy()
        ranks = [(shares[row] > shares[row, token]).sum() for row, token in enumerate(true)]
        counts += [rank == 0 for rank in ranks]
        near += [rank < 5 for rank in ranks]
        logs += [shares[row, token] for row, token in enumerate(true)]
    task = loaded.task
    labels = Ragged.nothing(len(texts))
    assert task.score_of(found, labels).value == pytest.approx(np.mean(counts))
    measures = task.further_of(found, labels=labels, teacher_logits=None)
    further = {words.name: measure.value for words, measure in measures.items()}
    assert further["top-5 accuracy"] == pytest.approx(np.mean(near))
    assert further["true-token probability"] == pytest.approx(np.exp(np.mean(logs)), rel=1e-3)
    told = verify(folder, root / "texts.jsonl").models[0]
    assert told.score is not None
    assert told.score.interval.low < told.score.value < told.score.interval.high


def test_it_learns_what_the_teacher_knows(walked: Run) -> None:
    """A failure would ship a student of noise."""
    assert _scores(walked, TEACHER).score.value > 0.4
    for name in (ARTIFACT, STUDENT):
        assert _scores(walked, name).agreement.value > 0.7
        assert _further(_scores(walked, name), "top-5 accuracy") > _scores(walked, name).score.value
    assert _scores(walked, BASELINE).score.value > 0.2
    losses = walked.record.trainings[0].curve[-1].losses
    assert {"soft_labels", "true_labels", "last_hidden"} <= losses.keys()


def test_masks_are_filled(walked: Run) -> None:
    """A failure would name other tokens than those that a model meant, or point beside the mask."""
    text = "wake my [MASK] and call [MASK] mum"
    from transformers import pipeline

    (answer,) = limbeck.load(walked.artifact, variant="float")(text)
    assert [text[mask.start : mask.end] for mask in answer.masks] == ["[MASK]", "[MASK]"]
    told = answer.to_json()["masks"][0]["tokens"]
    assert len(told) == 5
    wanted = pipeline("fill-mask", str(walked.artifact))(text)[0]
    assert [one["token"] for one in told] == [one["token_str"] for one in wanted]
    assert [one["probability"] for one in told] == pytest.approx([one["score"] for one in wanted], rel=1e-3)
    assert len(answer.to_json(in_full=True)["masks"][0]["tokens"]) == 64
    lines = b"call my [MASK]\nplay my [MASK] today\n"
    rows = [row.as_json(()) for row in predict_lines(limbeck.load(walked.artifact), io.BytesIO(lines))]
    assert [row["text"] for row in rows] == lines.decode().splitlines()
    assert rows[0]["masks"][0]["start"] == 8


def test_texts_without_a_mask_are_named(walked: Run) -> None:
    """A failure would hide some token of a text that somebody wants filled elsewhere, and say nothing."""
    model = limbeck.load(walked.artifact)
    with pytest.raises(DataError, match=r"texts\[1\] holds no \[MASK\]"):
        model(["call my [MASK]", "call my mum"])
    with pytest.raises(DataError, match=r"Line 2 holds no \[MASK\]"):
        list(predict_lines(model, io.BytesIO(b"call [MASK]\ncall mum\n")))
    cut = model(["call " * 200 + "[MASK]"])[0]
    assert cut.to_json() == {"masks": []}


def test_a_teacher_is_asked_again_elsewhere(walked: Run) -> None:
    """Everybody must hide the same tokens, or two models would be compared on different questions."""
    root = walked.folder.parent
    asked = verify(walked.artifact, root / "texts.jsonl", teacher_source=root / "taught" / "teacher",
                   signals=root / "none")  # fmt: skip
    agreement = next(model.agreement for model in asked.models if model.name.startswith(ARTIFACT))
    assert agreement is not None
    assert agreement.value > 0.7


def test_no_training_text_is_asked_about_beforehand(walked: Run) -> None:
    """Answers to tokens that no pass hides would be kept for nothing, and 30,000 numbers for each would fill disks."""
    data = walked.record.data
    assert walked.record.labelling.n_texts == data["validation"] + data["held_out"]
    told = " ".join(walked.record.labelling.kept)
    assert "training texts have other tokens hidden in each pass" in told
    assert "logits of" in told


@pytest.mark.parametrize("stage", ["teacher", "student"])
def test_a_killed_training_ends_in_the_same_weights(walked: Run, tmp_path: Path, stage: str) -> None:
    """Masks are drawn anew in each step; drawn by anything but the step, a resumed run would see others."""
    root = walked.folder.parent
    few = {"checkpoint_seconds": 1e-6, "epochs": 3, "evaluations": 2, "baseline": False}
    recipe = Recipe.from_dict({**SETTINGS, "task": "fill-mask", "distill": {**DISTILL, **few},
                               "teach": {**TEACH, "epochs": 2}})  # fmt: skip

    def ended(out: Path, **more: Any) -> bytes:
        if stage == "teacher":
            return (teach(root / "encoder", root / "texts.jsonl", out=out, recipe=recipe, **more).folder
                    / "model.safetensors").read_bytes()  # fmt: skip
        run = compress(root / "taught" / "teacher", root / "texts.jsonl", out=out, recipe=recipe,
                       signals=root / "signals", **more)  # fmt: skip
        return (run.artifact / "model.safetensors").read_bytes()

    for after in (1, 2):
        with pytest.raises(Interrupted):
            ended(tmp_path / "killed", progress=Events(interrupt_in=stage, after=after))
    assert ended(tmp_path / "killed") == ended(tmp_path / "whole")


def test_it_is_a_general_encoder_to_fine_tune_later(walked: Run, tmp_path: Path) -> None:
    """What it is made for: a failure would leave an artifact that nobody can start from."""
    from transformers import AutoModel, AutoModelForMaskedLM

    whole, bare = AutoModelForMaskedLM.from_pretrained(walked.artifact), AutoModel.from_pretrained(walked.artifact)
    assert whole.get_output_embeddings().weight is whole.get_input_embeddings().weight
    table = bare.get_input_embeddings().weight
    assert np.array_equal(table.detach().numpy(), whole.get_input_embeddings().weight.detach().numpy())
    data = write_rows(tmp_path / "labelled.jsonl", labelled_rows())
    taught = teach(walked.artifact, data, out=tmp_path / "taught", recipe=Recipe.from_dict(SETTINGS))
    assert taught.validation_score > 0.9
    found = load_teacher(taught.folder, settings=TeacherTable(), max_tokens=32, work=tmp_path)
    assert (found.task, found.label_names) == ("classification", ("negative", "positive"))
    assert found.model.config.num_hidden_layers == walked.record.shapes["student"]["layers"]


def test_other_shapes(walked: Run, tmp_path: Path) -> None:
    """What each part is worth is measured by the answers to masks; a failure would cut heads and rows apart."""
    root = walked.folder.parent
    recipe = Recipe.from_dict(
        {
            **SETTINGS,
            "student": {"layers": 2, "choose": "by_loss", "intermediate_size": 24, "hidden_size": 24},
            "distill": {"epochs": 1, "evaluations": 1, "baseline": False, "weights": {"relations": 1.0}},
            "quantize": {"scheme": "w4a8e4", "train_share": 0.5, "sensitivity": True, "sensitivity_texts": 8},
        }
    )
    found = compress(root / "taught" / "teacher", root / "texts.jsonl", out=tmp_path / "run", recipe=recipe,
                     signals=root / "signals")  # fmt: skip
    cut = found.record.cut
    assert cut is not None
    assert (cut.chosen, len(cut.removals)) == ("by_loss", 2)
    assert found.record.shapes["student"]["hidden_size"] == 24
    assert found.verdict.models[-1].agreement is not None


def test_a_plan_weighs_the_head_too(walked: Run) -> None:
    """A failure would promise a smaller and quicker model than the run makes."""
    root = walked.folder.parent
    found = plan(root / "taught" / "teacher", root / "texts.jsonl", signals=root / "signals",
                 recipe=Recipe.from_dict({**SETTINGS, "distill": DISTILL}))  # fmt: skip
    own = next(shape for shape in found.shapes if shape.is_recipes)
    assert own.parameters == walked.record.shapes["student"]["parameters"]
    small, whole = limbeck.load(walked.artifact), limbeck.load(walked.artifact, variant="float")
    assert own.scheme_bytes is not None
    assert own.scheme_bytes.least <= small.size_bytes <= own.scheme_bytes.most
    assert own.float_bytes == whole.size_bytes
    assert any("training texts have other tokens hidden" in note for note in found.notes)
    assert found.times["labelling"].seconds == 0  # all that is asked before stands on disk


def test_the_pages_speak_of_this_task(walked: Run) -> None:
    """A failure would show a reader code for another task, or percentages that mean something else."""
    page, card = walked.report.read_text(encoding="utf-8"), model_card(walked.record, name="a-model")
    assert "true-token probability" in page.lower()
    for words in ("AutoModelForMaskedLM", 'pipeline("fill-mask"', "[MASK]", "pipeline_tag: fill-mask"):
        assert words in card
    code = card.split("```python\n")[2].split("```")[0]
    found = io.StringIO()
    here = {"print": lambda value: found.write(json.dumps(value))}
    text = code.replace('"tokenizer.json"', repr(str(walked.artifact / "tokenizer.json")))
    text = text.replace('InferenceSession("', f'InferenceSession("{walked.artifact}/')
    exec(text, here)
    assert len(json.loads(found.getvalue())) == 5
    for answer in walked.verdict.changed_answers[:3]:
        assert ": " in answer.teacher_label


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "static": ({"student": {"kind": "static"}}, "student is static, which answers once a text"),
    "trimmed": ({"student": {"vocabulary": "trimmed"}}, "trimmed where answers are not tokens"),
    "factorised": ({"student": {"embedding_size": 8}}, "multiplies with the table of embeddings"),
    "another encoder": ({"student": {"encoder": "ENCODER"}}, "starts from its teacher, which answers beside it"),
    "made up": ({"distill": {"augment": 1.0}}, "not learned from texts put together"),
    "by classes": ({"task": "classification"}, "has no classification head"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(walked: Run, tmp_path: Path, name: str) -> None:
    """A failure would end hours later, or in an artifact of another kind."""
    root = walked.folder.parent
    settings, told = REFUSED[name]
    if name == "another encoder":
        settings = {"student": {"encoder": str(root / "encoder")}}
    with pytest.raises((RecipeError, TeacherError), match=told):
        compress(root / "taught" / "teacher", root / "texts.jsonl", out=tmp_path / "run",
                 recipe=Recipe.from_dict(settings))  # fmt: skip


def test_an_encoder_without_the_head_is_told_how_to_get_one(walked: Run, tmp_path: Path) -> None:
    """A failure would distil noise, or leave a user of a bare encoder without a way."""
    root = walked.folder.parent
    with pytest.raises(TeacherError, match="has no head of a masked language model") as caught:
        compress(root / "encoder", root / "texts.jsonl", out=tmp_path / "run",
                 recipe=Recipe.from_dict({"task": "fill-mask"}))  # fmt: skip
    assert "limbeck teach --task fill-mask --encoder" in caught.value.hint
