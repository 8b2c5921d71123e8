"""The OpenAPI document as one page without a script or an outside address, so that it reads offline."""

import html
import json
from typing import Any

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 54rem; margin: 2rem auto; padding: 0 1rem }}
pre {{ background: #8882; padding: .7rem; overflow-x: auto; border-radius: 4px }}
summary {{ cursor: pointer; padding: .3rem 0 }}
td, th {{ text-align: left; vertical-align: top; padding: .1rem 1rem .1rem 0 }}
:root {{ color-scheme: light dark }}
</style></head><body>
<h1>{title} {version}</h1>
<p>{description}</p>
<p><a href="openapi.json">openapi.json</a></p>
{routes}
</body></html>
"""
_ROUTE = """<details><summary><code>{method} {path}</code> – {summary}</summary>{asked}
<table>{answers}</table></details>
"""
_ASKED = """<p>For example:</p><pre>curl http://HOST{path} -H 'content-type: application/json' -d '{example}'</pre>
<p>Body:</p><pre>{schema}</pre>
"""


def docs_page(document: dict[str, Any]) -> bytes:
    """The page.

    Args:
        document: What `limbeck.serve.openapi` gives.
    """
    routes = [_route(method, path, about) for path, ways in document["paths"].items() for method, about in ways.items()]
    info = {key: html.escape(str(document["info"][key])) for key in ("title", "version", "description")}
    return _PAGE.format(routes="".join(routes), **info).encode()


def _route(method: str, path: str, about: dict[str, Any]) -> str:
    asked = ""
    if "requestBody" in about:
        content = about["requestBody"]["content"]["application/json"]
        example = json.dumps(content.get("example", {}), ensure_ascii=False)
        schema = json.dumps(content["schema"]["properties"], indent=1, ensure_ascii=False)
        asked = _ASKED.format(path=path, example=html.escape(example), schema=html.escape(schema))
    answers = "".join(
        f"<tr><th>{status}</th><td>{html.escape(answer['description'])}</td></tr>"
        for status, answer in about["responses"].items()
    )
    summary = html.escape(about["summary"])
    return _ROUTE.format(method=method.upper(), path=html.escape(path), summary=summary, asked=asked, answers=answers)
