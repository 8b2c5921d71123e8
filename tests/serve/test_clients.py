"""Clients that others wrote: huggingface_hub's InferenceClient and the openai package, against a local address."""

import base64
from collections.abc import Callable, Iterator

import numpy as np
import openai
import pytest
from huggingface_hub import InferenceClient
from running_server import Running

from limbeck.runtime import Model
from limbeck.tasks.embeddings import cosines, unit

TEXTS = ["play the song", "wake me up at seven", "rain"]


Hub = Callable[..., InferenceClient]


@pytest.fixture
def hub(everything: Running, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Makes clients of the hub's library for a model, and a route of it."""
    # The library refuses every address when it is told to stay offline; this one is on this machine.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)

    def client(task: str, route: str = "") -> InferenceClient:
        return InferenceClient(model=f"{everything.url}/models/{task}{route}", token="unused")

    return client


def test_the_hub_client_classifies(hub: Hub, models: dict[str, Model]) -> None:
    """`InferenceClient(model=url)`, the first thing that people try, would fail or read another answer."""
    for task in ("classification", "multi-label"):
        found = hub(task).text_classification(TEXTS[0])
        wanted = models[task](TEXTS[0])[0].probabilities
        assert {one.label: one.score for one in found} == pytest.approx(
            dict(zip(models[task].label_names, wanted, strict=True)), rel=1e-5
        )
    assert len(hub("classification").text_classification(TEXTS[0], top_k=2)) == 2


def test_the_hub_client_embeds(hub: Hub, models: dict[str, Model]) -> None:
    """As above, for vectors: at the root, and at the route of text-embeddings-inference."""
    raw = models["embeddings"].logits(TEXTS).values
    for route in ("", "/embed"):
        one = hub("embeddings", route).feature_extraction(TEXTS[0])
        np.testing.assert_allclose(one, unit(raw[:1]), rtol=1e-5)
        several = hub("embeddings", route).feature_extraction(TEXTS, normalize=False)  # type: ignore[arg-type]
        np.testing.assert_allclose(several, raw, rtol=1e-5)
    for route in ("", "/similarity"):
        alike = hub("embeddings", route).sentence_similarity(TEXTS[0], TEXTS[1:])
        np.testing.assert_allclose(alike, cosines(np.repeat(raw[:1], 2, axis=0), raw[1:]), rtol=1e-5)


def test_the_hub_client_tags_answers_and_fills(hub: Hub, models: dict[str, Model]) -> None:
    """As above, for spans, answers and masks."""
    text = "dad is at home, not mum"
    spans = models["token-classification"](text)[0].spans
    found = hub("token-classification").token_classification(text)
    assert [(one.entity_group, one.word, one.start, one.end) for one in found] == [
        (one.label, one.text, one.start, one.end) for one in spans
    ]
    context = "dad is at home today"
    wanted = models["question-answering"]("who", context)[0]
    one = hub("question-answering").question_answering(question="who", context=context)
    assert (one.answer, one.start, one.end) == (wanted.text, wanted.start, wanted.end)  # type: ignore[union-attr]
    masks = models["fill-mask"]("play [MASK] song")[0].masks
    filled = hub("fill-mask").fill_mask("play [MASK] song")
    assert [one.token_str for one in filled] == [one.token for one in masks[0].tokens[:5]]


def test_the_hub_client_is_told_what_is_wrong(hub: Hub) -> None:
    """Its user would see a status without a reason."""
    with pytest.raises(Exception, match="this route is for embeddings"):
        hub("classification", "/embed").feature_extraction("a")


@pytest.fixture
def client(everything: Running) -> Iterator[openai.OpenAI]:
    """The client of the openai package."""
    with openai.OpenAI(base_url=f"{everything.url}/v1", api_key="unused", max_retries=0) as one:
        yield one


def test_the_openai_client_embeds(client: openai.OpenAI, models: dict[str, Model]) -> None:
    """Unless told otherwise it asks for base64, and would read noise where bytes are in another order."""
    wanted = unit(models["embeddings"].logits(TEXTS).values)
    for settings in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}, {"dimensions": 8, "user": "me"}):
        found = client.embeddings.create(model="embeddings", input=TEXTS, **settings)  # type: ignore[arg-type]
        assert (found.object, found.model) == ("list", "embeddings")
        assert [(one.object, one.index) for one in found.data] == [("embedding", index) for index in range(3)]
        vectors = [one.embedding for one in found.data]
        if settings.get("encoding_format") == "base64":  # who asks for it gets it as it is
            vectors = [np.frombuffer(base64.b64decode(one), "<f4").tolist() for one in vectors]  # type: ignore[arg-type]
        np.testing.assert_allclose(vectors, wanted, rtol=1e-5)
        assert found.usage.prompt_tokens == found.usage.total_tokens == 5 + 7 + 3
    one = client.embeddings.create(model="embeddings", input=TEXTS[0])
    np.testing.assert_allclose(one.data[0].embedding, wanted[0], rtol=1e-5)


def test_the_openai_client_lists_models(client: openai.OpenAI, models: dict[str, Model]) -> None:
    """Tools that look there first would offer no model."""
    assert [one.id for one in client.models.list()] == list(models)
    assert client.models.retrieve("embeddings").owned_by == "limbeck"


def test_the_openai_client_is_told_what_is_wrong(client: openai.OpenAI) -> None:
    """A fault in another form reaches its user as nothing but a status."""
    with pytest.raises(openai.NotFoundError, match="No model 'gpt' is served here"):
        client.embeddings.create(model="gpt", input="a")
    with pytest.raises(openai.UnprocessableEntityError, match="vectors of embeddings have 8") as fault:
        client.embeddings.create(model="embeddings", input="a", dimensions=4)
    assert fault.value.param == "dimensions"
    with pytest.raises(openai.UnprocessableEntityError, match="token ids"):
        client.embeddings.create(model="embeddings", input=[[1, 2]])
    with pytest.raises(openai.UnprocessableEntityError, match="encoding_format"):
        client.embeddings.create(model="embeddings", input="a", encoding_format="int8")  # type: ignore[arg-type]
