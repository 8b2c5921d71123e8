"""The page itself in headless Chromium: typing, what is loaded, no network, installing, and nobody else's address."""

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from browsing import Served

from limbeck.artifact.sealed import open_artifact
from limbeck.ground.progress import SILENT
from limbeck.web import write_page
from random_artifact import write_random_artifact

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

LIBRARIES_BYTES = 3_900_000
"""What a page weighs besides its model: onnxruntime-web's plain build packed, and 0.2 MB of scripts and icons."""
HEADERS_SHARE = 0.02
UPDATED = """async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  await registration.update();
  while (!registration.waiting) await new Promise((resolve) => setTimeout(resolve, 20));
}"""
LOADED_WITH = """async (change) => {
  const { load } = await import("./loading.js");
  const page = await (await fetch("page.json")).json();
  return load({ ...page.files.model, ...change }, () => {}).then(() => "", (fault) => fault.message);
}"""


@pytest.fixture(scope="module")
def folder(libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a tiny classifier."""
    root = tmp_path_factory.mktemp("page")
    (root / "page").mkdir()
    artifact = open_artifact(write_random_artifact(root / "artifact", labels=["a<b>", "b & c", "«d»"]))
    write_page(artifact, root / "page", name="A <model>", runtime_folder=libraries, progress=SILENT)
    return root / "page"


def ready(page: "Page", address: str) -> None:
    """Open the page, and wait for its model."""
    page.goto(address)
    page.wait_for_selector("html[data-ready]", timeout=60_000)


def test_one_types_and_sees_the_answer(browser: "Browser", folder: Path) -> None:
    """The whole point of the page; and no script of it may fail on the way."""
    faults: list[str] = []
    asked: set[str] = set()
    with Served.of(folder) as served:
        page = browser.new_page(viewport={"width": 360, "height": 640})
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
        page.context.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        ready(page, served.address)
        page.get_by_label("Text", exact=True).fill("wake me at seven")
        page.wait_for_selector("#answer .first")
        told = page.inner_text("#answer .first")
        assert re.fullmatch(r"(a<b>|b & c|«d»), \d+\.\d %", told), told
        assert re.fullmatch(r"\d+\.\d ms for 6 tokens, on one thread", page.inner_text("#counts"))
        assert page.locator("[role=status]").inner_text() == told
        assert page.title() == page.inner_text("h1") == "A <model>"
        # No line is wider than a phone.
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_label("Text", exact=True).fill("  ")
        page.wait_for_selector("#answer:empty", state="attached")
        assert asked == {urlsplit(served.address).netloc}
        assert faults == []
        page.close()


def test_the_first_load_is_what_the_page_says(browser: "Browser", folder: Path) -> None:
    """A page that counts wrongly, or loads a file twice, would hide what its visitors pay for."""
    with Served.of(folder) as served:
        context = browser.new_context()
        page = context.new_page()
        ready(page, served.address)
        told = int(page.get_attribute("#sum", "data-bytes") or 0)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        sent = sum(served.sent.values())
        packed, runtime = (next(folder.glob(pattern)) for pattern in ("model-*.onnx.gz", "ort-wasm-*.wasm.gz"))
        model = packed.stat().st_size
        assert served.sent[packed.name] == model
        assert sent < LIBRARIES_BYTES + model
        assert abs(told - sent) < HEADERS_SHARE * sent
        # Once loaded, the large files come from the browser's own keeping.
        served.sent.clear()
        page.reload()
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        assert not {packed.name, runtime.name} & set(served.sent)
        context.close()


def test_it_works_without_a_network(browser: "Browser", folder: Path) -> None:
    """A page that is asked for in a tunnel must answer as it did before."""
    with Served.of(folder) as served:
        context = browser.new_context()
        page = context.new_page()
        ready(page, served.address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        served.stop()
        page.goto(served.address)
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        page.fill("#text", "play my song")
        page.wait_for_selector("#answer .first")
        context.close()


def test_it_can_be_installed(browser: "Browser", folder: Path) -> None:
    """A manifest with one fault is silently none."""
    with Served.of(folder) as served:
        context = browser.new_context()
        page = context.new_page()
        ready(page, served.address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        session = context.new_cdp_session(page)
        manifest = session.send("Page.getAppManifest")
        assert manifest["errors"] == []
        faults = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
        # A browser without a profile of its own installs nothing; that is all it may say.
        assert {fault["errorId"] for fault in faults} <= {"in-incognito"}
        context.close()


def test_every_field_has_a_name(browser: "Browser", folder: Path) -> None:
    """What a screen reader cannot name, its user cannot fill."""
    with Served.of(folder) as served:
        page = browser.new_page()
        ready(page, served.address)
        page.locator("form summary").click()
        for role, name in (
            ("textbox", "Text"),
            ("textbox", "Second text, for models of pairs"),
            ("heading", "A <model>"),
        ):
            assert page.get_by_role(role, name=name, exact=True).count() == 1, name  # type: ignore[arg-type]
        assert page.get_by_role("region", name="Answer").count() == 1
        assert page.get_attribute("html", "lang") == "en"
        page.close()


def test_it_opens_again_where_a_host_cleans_addresses(browser: "Browser", folder: Path) -> None:
    """Browsers refuse a kept answer that was a redirected one: the second visit would find no page."""
    with Served.of(folder, clean_addresses=True) as served:
        context = browser.new_context()
        page = context.new_page()
        ready(page, f"{served.address}index.html")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        ready(page, f"{served.address}index.html")
        context.close()


def test_an_open_page_stays_with_its_version(browser: "Browser", folder: Path, libraries: Path, tmp_path: Path) -> None:
    """Another export in the same place would give an open page the new model behind the old labels."""
    served_from = shutil.copytree(folder, tmp_path / "site")
    (tmp_path / "new").mkdir()
    artifact = open_artifact(write_random_artifact(tmp_path / "artifact", labels=["new", "newer"]))
    write_page(artifact, tmp_path / "new", name="Another model", runtime_folder=libraries, progress=SILENT)
    with Served.of(served_from) as served:
        context = browser.new_context()
        page = context.new_page()
        ready(page, served.address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.reload()
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        shutil.rmtree(served_from)
        shutil.copytree(tmp_path / "new", served_from)
        page.evaluate(UPDATED)
        told = "fetch('page.json').then((found) => found.json()).then((found) => found.label_names)"
        assert page.evaluate(told) == ["a<b>", "b & c", "«d»"]
        page.reload()
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        assert page.inner_text("h1") == "A <model>"
        page.close()
        page = context.new_page()
        ready(page, served.address)
        assert (page.inner_text("h1"), page.evaluate(told)) == ("Another model", ["new", "newer"])
        context.close()


def test_a_file_of_another_version_is_no_model(browser: "Browser", folder: Path) -> None:
    """A page that was left while it loaded would answer with a model of the same size that is not its own."""
    with Served.of(folder) as served:
        page = browser.new_page()
        ready(page, served.address)
        for change, told in (
            ({"version": "0" * 12}, "is not the file that belongs to this page"),
            ({"name": "model-000000000000.onnx.gz"}, "404 File not found"),
        ):
            fault = page.evaluate(LOADED_WITH, change)
            assert told in fault
            assert fault.endswith("There may be a newer page: close this one, and open it again.")
        page.close()


def test_vocabularies_of_any_size_have_probabilities(browser: "Browser", folder: Path) -> None:
    """Pages of encoders of a hundred languages would never start: so many numbers are no arguments of a function."""
    with Served.of(folder) as served:
        page = browser.new_page()
        ready(page, served.address)
        total = page.evaluate(
            "import('./answers.js').then(({ softmax }) => "
            "softmax(Array.from({ length: 250_002 }, (_, id) => id % 7)).reduce((sum, share) => sum + share))"
        )
        assert abs(total - 1) < 1e-9
        page.close()
