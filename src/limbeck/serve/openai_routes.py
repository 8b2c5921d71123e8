"""The routes of OpenAI's embeddings API: /v1/embeddings and /v1/models.

Source: the request and response of "Create embeddings" and "List models" in OpenAI's API reference.
"""

import base64
from typing import Any

import numpy as np

from limbeck.serve import tei
from limbeck.serve.call import Call
from limbeck.serve.refusals import malformed
from limbeck.serve.shelf import Served, Shelf

Json = Any

_FORMATS = ("float", "base64")


async def embeddings(call: Call, served: Served) -> Json:
    """POST /v1/embeddings: vectors of length 1, as numbers or as the base64 of their little-endian float32."""
    form = call.body.get("encoding_format") or "float"
    if form not in _FORMATS:
        raise malformed(f'"encoding_format" is {form!r}, and not {" or ".join(_FORMATS)}.', parameter="encoding_format")
    tei.refuse_dimensions(call.body.get("dimensions"), served)
    found = await call.ask(served, tei.texts_of(call.body, "input"), parameter="input")
    vectors = tei.vectors(found, normalize=True)
    if form == "base64":
        vectors = vectors.astype(np.dtype("<f4"), copy=False)
        told: list[Any] = [base64.b64encode(vector.tobytes()).decode("ascii") for vector in vectors]
    else:
        told = list(vectors)
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(told)],
        "model": served.name,
        "usage": {"prompt_tokens": found.n_tokens, "total_tokens": found.n_tokens},
    }


def models(shelf: Shelf, *, since: int) -> Json:
    """GET /v1/models.

    Args:
        shelf: What is served.
        since: When the server started, in seconds since 1970.
    """
    return {"object": "list", "data": [model(served, since=since) for served in shelf]}


def model(served: Served, *, since: int) -> Json:
    """GET /v1/models/{model}."""
    return {"id": served.name, "object": "model", "created": since, "owned_by": "limbeck"}
