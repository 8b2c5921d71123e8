"""The OpenAPI document: every route with its body and its answers, for people and for those who generate clients."""

from typing import Any

from limbeck.ground import machine
from limbeck.serve.settings import Limits

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"oneOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_VECTOR: Schema = {"type": "array", "items": {"type": "number", "format": "float"}}
_PAIR: Schema = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 2}
_LABELS: Schema = {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}}
_TRUNCATE: Schema = {
    "type": "boolean",
    "nullable": True,
    "description": "false refuses texts that are longer than the model reads; else they are cut.",
}
_MODEL: Schema = {
    "type": "string",
    "description": "Name of the model, needed where several could answer; or ask below /models/{model}.",
}


def openapi(limits: Limits) -> dict[str, Any]:
    """The document of a server with these limits; it names no model, so that it may be read without a token."""
    paths = {path: {"post": _asking(path, limits)} for path in _BODIES}
    paths |= {path: {"get": _telling(path, *told)} for path, told in _TOLD.items()}
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "limbeck",
            "version": machine.installed_version("limbeck"),
            "description": "Answers of artifacts. Every POST route is there below /models/{model} too.",
            "license": {"name": "Apache-2.0"},
        },
        "security": [{}, {"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": _SCHEMAS,
        },
    }


def _object(required: str, **properties: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


def _switch(meaning: str, *, default: bool) -> Schema:
    return {"type": "boolean", "default": default, "description": meaning}


_SCHEMAS: dict[str, Schema] = {
    "Prediction": _object("label score", label=_TEXT, score={"type": "number"}),
    "Rank": _object("index score", index={"type": "integer"}, score={"type": "number"}, text=_TEXT),
    "Token": _object(
        "id text special",
        id={"type": "integer"},
        text=_TEXT,
        special={"type": "boolean"},
        start={"type": "integer", "nullable": True},
        stop={"type": "integer", "nullable": True},
    ),
    "Error": _object("error error_type", error=_TEXT, error_type=_TEXT),
    "OpenAIError": _object(
        "error", error=_object("message type", message=_TEXT, type=_TEXT, param=_TEXT, code={"type": "integer"})
    ),
    "Embeddings": _object(
        "object data model usage",
        object={"type": "string", "enum": ["list"]},
        data={
            "type": "array",
            "items": _object(
                "object embedding index",
                object={"type": "string", "enum": ["embedding"]},
                embedding={"oneOf": [_VECTOR, {"type": "string", "format": "byte"}]},
                index={"type": "integer"},
            ),
        },
        model=_TEXT,
        usage=_object(
            "prompt_tokens total_tokens", prompt_tokens={"type": "integer"}, total_tokens={"type": "integer"}
        ),
    ),
}

_Route = tuple[str, Schema, Schema, Any]
_BODIES: dict[str, _Route] = {
    "/predict": (
        "Classification, multi-label, regression: each label with its score, best first",
        _object(
            "inputs",
            inputs={"oneOf": [_TEXT, _PAIR, {"type": "array", "items": _PAIR}]},
            raw_scores=_switch("Logits instead of probabilities.", default=False),
            truncate=_TRUNCATE,
            model=_MODEL,
        ),
        {"oneOf": [_LABELS, {"type": "array", "items": _LABELS}]},
        {"inputs": [["wake me at seven"], ["play some music"]]},
    ),
    "/embed": (
        "Embeddings: a vector a text",
        _object(
            "inputs",
            inputs=_TEXTS,
            normalize=_switch("Vectors of length 1.", default=True),
            truncate=_TRUNCATE,
            model=_MODEL,
        ),
        {"type": "array", "items": _VECTOR},
        {"inputs": ["wake me at seven"]},
    ),
    "/similarity": (
        "Embeddings: the cosine of a sentence with each of others",
        _object(
            "inputs",
            inputs=_object(
                "source_sentence sentences", source_sentence=_TEXT, sentences={"type": "array", "items": _TEXT}
            ),
            model=_MODEL,
        ),
        {"type": "array", "items": {"type": "number"}},
        {"inputs": {"source_sentence": "wake me", "sentences": ["set an alarm", "play some music"]}},
    ),
    "/rerank": (
        "Reranking: places of the texts with their scores, best first",
        _object(
            "query texts",
            query=_TEXT,
            texts={"type": "array", "items": _TEXT},
            raw_scores=_switch("Logits instead of probabilities.", default=False),
            return_text=_switch("The text beside its place.", default=False),
            truncate=_TRUNCATE,
            model=_MODEL,
        ),
        {"type": "array", "items": {"$ref": "#/components/schemas/Rank"}},
        {"query": "how do I wake up?", "texts": ["set an alarm", "play some music"]},
    ),
    "/answer": (
        "Every task, as `limbeck predict --json-lines` answers",
        _object(
            "inputs",
            inputs={
                "description": "A string; an object with text, words, or question and context; or a list of these.",
                "oneOf": [
                    _TEXT,
                    {"type": "object"},
                    {"type": "array", "items": {"oneOf": [_TEXT, {"type": "object"}]}},
                ],
            },
            in_full=_switch("All that was computed, such as the probability of each label.", default=False),
            truncate=_TRUNCATE,
            model=_MODEL,
        ),
        {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]},
        {"inputs": ["wake me at seven"]},
    ),
    "/": (
        "Every task, in the form of the Hugging Face Hub's inference API",
        _object("inputs", inputs={}, parameters={"type": "object"}, model=_MODEL),
        {},
        {"inputs": "wake me at seven"},
    ),
    "/tokenize": (
        "The tokens of each text, with their places in it",
        _object(
            "inputs",
            inputs=_TEXTS,
            add_special_tokens=_switch("Those at the ends, too.", default=True),
            model=_MODEL,
        ),
        {"type": "array", "items": {"type": "array", "items": {"$ref": "#/components/schemas/Token"}}},
        {"inputs": ["wake me at seven"]},
    ),
    "/v1/embeddings": (
        "OpenAI's embeddings",
        _object(
            "input",
            input=_TEXTS,
            model=_MODEL,
            encoding_format={"type": "string", "enum": ["float", "base64"], "default": "float"},
            dimensions={"type": "integer", "description": "Refused, unless it is what the model gives."},
            user=_TEXT,
        ),
        {"$ref": "#/components/schemas/Embeddings"},
        {"input": ["wake me at seven"]},
    ),
    "/embed_sparse": ("Refused with 424: no artifact gives sparse vectors", _object("inputs", inputs=_TEXTS), {}, None),
    "/embed_all": ("Refused with 424: pooling is inside the graph", _object("inputs", inputs=_TEXTS), {}, None),
}

_TOLD: dict[str, tuple[str, str]] = {
    "/info": ("What is served, with its limits", "application/json"),
    "/models/{model}/info": ("The same of one model", "application/json"),
    "/health": ("200 while the server can answer; asks for no token", "application/json"),
    "/ready": ("200 while it takes requests, 503 once it stops; asks for no token", "application/json"),
    "/metrics": ("Figures for Prometheus", "text/plain"),
    "/openapi.json": ("This document; asks for no token", "application/json"),
    "/docs": ("This document, to be read; asks for no token", "text/html"),
    "/v1/models": ("OpenAI's list of models", "application/json"),
    "/v1/models/{model}": ("One of them", "application/json"),
}


def _asking(path: str, limits: Limits) -> dict[str, Any]:
    summary, body, answer, example = _BODIES[path]
    error = "OpenAIError" if path.startswith("/v1/") else "Error"
    faults = {
        401: "The bearer token is missing or wrong",
        404: "No model of this name is served",
        408: f"The body did not come within {limits.body_seconds:g} seconds",
        413: f"More than {limits.body_bytes} bytes, {limits.texts} texts, {limits.text_characters} characters in a "
        f"text or {limits.queue_tokens} tokens together",
        422: "The body cannot be read",
        424: "The model is for another task",
        429: "Too much is under way; Retry-After tells when to come again",
    }
    told = {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{error}"}}}}
    responses: dict[str, Any] = {str(status): {"description": meaning, **told} for status, meaning in faults.items()}
    if example is not None:
        responses["200"] = {"description": "The answer", "content": {"application/json": {"schema": answer}}}
    content: dict[str, Any] = {"schema": body} | ({} if example is None else {"example": example})
    return {
        "summary": summary,
        "operationId": path.strip("/").replace("/", "_") or "infer",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": dict(sorted(responses.items())),
    }


def _telling(path: str, summary: str, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": summary,
        "operationId": path.strip("/").replace("/", "_").translate({ord(one): None for one in "{}."}),
        "responses": {"200": {"description": "The answer", "content": {kind: {"schema": {}}}}},
    }
    if "{model}" in path:
        found["parameters"] = [{"name": "model", "in": "path", "required": True, "schema": _TEXT}]
    return found
