"""A plan with a language model for a teacher: its cost is told and its limit kept, and nobody is called."""

from pathlib import Path

import pytest
from chat_server import ChatServer

from limbeck.errors import RecipeError
from limbeck.planning import plan
from limbeck.walk import estimating
from other_teachers import data, recipe


def test_a_plan_pays_for_nothing(server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would spend money to say what spending it would cost, or keep the cost to itself."""
    monkeypatch.setattr(estimating, "_ROUND_SECONDS", 0.01)
    chat = {"model": "some-model", "price_per_million_input_tokens": 9.0, "price_per_million_output_tokens": 9.0}
    given = {"signals": tmp_path / "signals", "layers": [1]}
    found = plan(server.url, data(tmp_path), recipe=recipe(tmp_path, teacher={"chat": chat}), **given)
    assert server.requests == []
    assert not (tmp_path / "signals").exists()
    calls = sum(part.n_texts for part in found.parts.values())
    assert any(
        note.startswith(f"{calls} calls to some-model at ") and "at the given prices" in note for note in found.notes
    )
    assert any("was not timed: each answer would be paid for" in note for note in found.notes)
    assert set(found.times) == {"distillation", "verification"}
    with pytest.raises(RecipeError, match=r"The limit, teacher.chat.max_cost, is 0.01"):
        dear = recipe(tmp_path, teacher={"chat": chat | {"max_cost": 0.01}})
        plan(server.url, data(tmp_path), recipe=dear, **given)
    assert server.requests == []
