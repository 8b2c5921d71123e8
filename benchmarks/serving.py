"""How much does HTTP cost, how long does one wait, and is anything lost? `limbeck serve` under load on this machine.

    python benchmarks/serving.py [--artifact FOLDER | --shape 6x384] [--seconds 10] [--soak 600] [--result FILE]

Server and clients are two processes of the same machine, so the clients' own work takes cores from the server; the
processor time of both stands beside the rates. The runtime's own rate, and the server's with 64 clients in a closed
loop and 1, 8 and 32 texts a request, are taken in turns. Latencies are at 70 % of that rate with one text a request,
requests coming at random. The soak offers more than the server can do, and a small queue, so that it refuses all the
time; every answer is compared with the runtime's own for the same text.

8-bit activations are scaled by the batch: the same text gets slightly other figures in other company. How far they
move is measured first, on the runtime alone, with random batches; an answer counts as wrong where one of its logits is
further away than twice the furthest that was met there, or where its best label was best in no company.
"""

import argparse
import asyncio
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import uvloop
from asked_and_told import origin, tell
from http_load import Load, Outcome, request
from numpy.typing import NDArray

from limbeck import runtime
from limbeck.data.pocket import place as pocket
from limbeck.ground import machine

CLIENTS = 64
TEXTS_A_REQUEST = (1, 8, 32)
_LABELS = 8
_WORDS = (3, 50)
_MEDIAN_WORDS = 19  # SST-2's validation texts have 7 to 55 tokens, 24 in the median
_SHARE = 0.7
_SMALL_QUEUE = 2048
_SOAK_CLIENTS = 256


@dataclass(frozen=True)
class Texts:
    """What is asked, and what the answers ought to be.

    Args:
        texts: All different.
        logits: (texts, labels) of the runtime.
        spread: The furthest that a logit moved in other company.
        top: Of each text the labels that came first in any company.
        names: The labels.
    """

    texts: list[str]
    logits: NDArray[np.float32]
    spread: float
    top: list[set[str]]
    names: tuple[str, ...]

    def bodies(self, per_request: int) -> tuple[list[bytes], list[range]]:
        """Requests, and which texts each of them holds."""
        starts = range(0, len(self.texts) - per_request + 1, per_request)
        places = [range(start, start + per_request) for start in starts]
        inputs = [[[self.texts[place]] for place in one] for one in places]
        bodies = [json.dumps({"inputs": one, "raw_scores": True}).encode() for one in inputs]
        return [request("/predict", body) for body in bodies], places

    def is_right(self, places: range, body: bytes) -> bool:
        """Whether an answer is that of these texts, up to what company does."""
        rows = json.loads(body)
        return len(rows) == len(places) and all(self._fits(place, row) for place, row in zip(places, rows, strict=True))

    def _fits(self, place: int, row: list[dict[str, object]]) -> bool:
        found = {one["label"]: one["score"] for one in row}
        return row[0]["label"] in self.top[place] and all(
            abs(found[name] - wanted) <= 2 * self.spread
            for name, wanted in zip(self.names, self.logits[place].tolist(), strict=True)
        )


def random_artifact(folder: Path, shape: str) -> Path:
    """One that is made for this; torch is loaded only then."""
    from random_artifact import write_random

    return write_random(folder, shape, n_labels=_LABELS)


def say(what: str) -> None:
    """Tell on stderr how far it is."""
    print(f"{time.strftime('%H:%M:%S')}  {what}", file=sys.stderr, flush=True)


def made_up(n: int, seed: int) -> list[str]:
    """Different texts of Pocket's words, as long as those of SST-2."""
    rows = (pocket.folder() / "train.jsonl").read_text(encoding="utf-8").splitlines()
    words = sorted({word for row in rows for word in json.loads(row)["text"].split()})
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < n:
        length = round(draw.lognormvariate(np.log(_MEDIAN_WORDS), 0.55))
        found[" ".join(draw.choices(words, k=min(max(length, _WORDS[0]), _WORDS[1])))] = None
    return list(found)


def asked_of(model: runtime.Model, n: int, seed: int) -> Texts:
    """Texts with the runtime's logits, and how far these move in random batches."""
    texts = made_up(n, seed)
    draw = np.random.default_rng(seed)
    logits = model.logits(texts).values
    seen = [logits]
    asked = model.ask(texts)
    for size in (1, 2, 5, 12, 32):
        values = np.empty_like(logits)
        order = draw.permutation(n)
        for rows in (order[start : start + size] for start in range(0, n, size)):
            values[rows] = np.concatenate(model.compute([(asked.encoded, int(row)) for row in rows]))
        seen.append(values)
    spread = float(max(np.abs(one - logits).max() for one in seen))
    names = model.label_names
    top = [{names[int(one[row].argmax())] for one in seen} for row in range(n)]
    return Texts(texts, logits, max(spread, 1e-4), top, names)


@dataclass
class Server:
    """`limbeck serve` in a process of its own."""

    process: subprocess.Popen[bytes]
    address: tuple[str, int]

    @property
    def used(self) -> psutil.Process:
        """What it takes."""
        return psutil.Process(self.process.pid)


@contextmanager
def served(artifact: Path, *options: object) -> Iterator[Server]:
    """Within, it is served."""
    with tempfile.TemporaryDirectory() as work:
        log = Path(work) / "log"
        command = [Path(sys.executable).with_name("limbeck"), "serve", artifact, *options]
        with log.open("w") as stream:
            process = subprocess.Popen([*map(str, command)], stderr=stream)
        try:
            while not log.read_text().endswith("\n"):
                time.sleep(0.05)
                if process.poll() is not None:
                    raise SystemExit(f"the server did not start: {log.read_text()}")
            told = json.loads(log.read_text().splitlines()[0])
            if told["event"] != "serving":
                raise SystemExit(f"the server did not start: {told}")
            host, port = told["address"].removeprefix("http://").split(":")
            yield Server(process, (host, int(port)))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def load(server: Server, asked: Texts, per_request: int, *, keep: bool = True) -> Load:
    """A load of such requests."""
    requests, places = asked.bodies(per_request)
    return Load(server.address, requests, lambda index, body: asked.is_right(places[index], body), keep)


def own_rate(model: runtime.Model, asked: Texts, seconds: float) -> float:
    """Texts a second of the runtime, all texts in one call."""
    model.logits(asked.texts)
    began, n = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        model.logits(asked.texts)
        n += len(asked.texts)
    return n / (time.perf_counter() - began)


@dataclass(frozen=True)
class Rate:
    """Of one side in one round: texts a second, and the share of the processor time that clients took."""

    texts: float
    clients: float = 0.0


def http_rate(server: Server, asked: Texts, per_request: int, seconds: float) -> Rate:
    """Texts a second through HTTP."""
    uvloop.run(load(server, asked, per_request).closed(clients=CLIENTS, seconds=min(1.0, seconds)))
    before = _processor(server)
    outcome = uvloop.run(load(server, asked, per_request).closed(clients=CLIENTS, seconds=seconds))
    ours, theirs = (after - start for after, start in zip(_processor(server), before, strict=True))
    _refuse_faults(outcome)
    return Rate(outcome.answered * per_request / outcome.seconds, ours / (ours + theirs))


def _processor(server: Server) -> tuple[float, float]:
    """Seconds of processor: ours, the server's."""
    mine, its = psutil.Process().cpu_times(), server.used.cpu_times()
    return mine.user + mine.system, its.user + its.system


def _refuse_faults(outcome: Outcome) -> None:
    if outcome.wrong or outcome.lost or outcome.extra or outcome.refused:
        raise SystemExit(f"not all was answered: {outcome.wrong} wrong, {outcome.lost} lost, {outcome.refused} refused")


def rates(options: argparse.Namespace, artifact: Path, model: runtime.Model, asked: Texts) -> tuple[list[str], float]:
    """The table of rates, and the rate with one text a request."""
    sides: dict[str, list[Rate]] = {"the runtime, one call": []}
    with served(artifact, *options.server, "--port", 0) as server:
        for number in range(options.rounds):
            say(f"rates, round {number + 1} of {options.rounds}")
            sides["the runtime, one call"].append(Rate(own_rate(model, asked, options.seconds)))
            for per_request in TEXTS_A_REQUEST:
                name = f"HTTP, {CLIENTS} clients, {per_request} a request"
                sides.setdefault(name, []).append(http_rate(server, asked, per_request, options.seconds))
    own = [one.texts for one in sides["the runtime, one call"]]
    lines = ["| side | texts/s (median) | spread | share of the runtime's | clients' share of processor time |",
             "|---|---|---|---|---|"]  # fmt: skip
    for name, found in sides.items():
        values = [one.texts for one in found]
        middle = statistics.median(values)
        shares = [value / base for value, base in zip(values, own, strict=True)]
        clients = statistics.median(one.clients for one in found)
        lines.append(
            f"| {name} | {middle:.0f} | {(max(values) - min(values)) / middle:.0%} | {statistics.median(shares):.0%} | "
            f"{clients:.0%} |"
        )
    single = statistics.median(one.texts for one in sides[f"HTTP, {CLIENTS} clients, 1 a request"])
    return lines, single


def latencies(options: argparse.Namespace, artifact: Path, asked: Texts, rate: float) -> list[str]:
    """Latencies at a share of the greatest rate."""
    say("latencies")
    with served(artifact, *options.server, "--port", 0) as server:
        uvloop.run(load(server, asked, 1).closed(clients=CLIENTS, seconds=1.0))
        wanted = _SHARE * rate
        outcome = uvloop.run(load(server, asked, 1).open(clients=512, seconds=options.seconds * 2, rate=wanted))
    _refuse_faults(outcome)
    found = np.array(outcome.latencies) * 1000
    p50, p90, p99 = np.percentile(found, [50, 90, 99])
    said = (
        f"At {_SHARE:.0%} of that rate with one text a request ({wanted:.0f} requests/s at random moments, "
        f"{len(found)} of them): p50 {p50:.2f} ms, p90 {p90:.2f} ms, p99 {p99:.2f} ms; p99 is {p99 / p50:.1f} times "
        "p50."
    )
    return [said]


def soak(options: argparse.Namespace, artifact: Path, asked: Texts) -> list[str]:
    """Overload, with a queue that is always full."""
    say(f"overload of {options.soak:.0f} s")
    memory: list[float] = []
    with served(artifact, *options.server, "--port", 0, "--queue-tokens", _SMALL_QUEUE) as server:

        async def told() -> Outcome:
            async def look() -> None:
                while True:
                    await asyncio.sleep(1)
                    memory.append(server.used.memory_info().rss / 1e6)

            looking = asyncio.ensure_future(look())
            try:
                return await load(server, asked, 1, keep=False).closed(clients=_SOAK_CLIENTS, seconds=options.soak)
            finally:
                looking.cancel()

        outcome = uvloop.run(told())
    third = max(1, len(memory) // 3)
    early, late = (statistics.median(part) for part in (memory[third : 2 * third] or memory, memory[-third:]))
    said = (
        f"Overload of {outcome.seconds:.0f} s ({_SOAK_CLIENTS} clients in a closed loop, one text a request, a queue "
        f"of {_SMALL_QUEUE} tokens): {outcome.answered} requests answered, {outcome.refused} refused with 429, "
        f"{outcome.wrong} wrong, {outcome.lost} lost, {outcome.extra} duplicated. Memory of the server: {early:.1f} MB "
        f"in the median of the second third, {late:.1f} MB of the last, {max(memory):.1f} MB at most."
    )
    return [said]


def killed(options: argparse.Namespace, artifact: Path, asked: Texts) -> list[str]:
    """Kill under load, then start again in the same place."""
    say("kill and restart")
    with served(artifact, *options.server, "--port", 0) as first:
        port = first.address[1]

        async def told() -> tuple[Outcome, float]:
            asking = load(first, asked, 1, keep=False)
            running = asyncio.ensure_future(asking.closed(clients=CLIENTS, seconds=float("inf")))
            await asyncio.sleep(options.seconds)
            first.process.kill()
            first.process.wait()
            before, away = asking.outcome.answered, time.perf_counter()
            again = served(artifact, *options.server, "--port", port)
            await asyncio.to_thread(again.__enter__)
            while asking.outcome.answered == before:  # noqa: ASYNC110  (what is counted there knows no events)
                await asyncio.sleep(0.01)
            gone = time.perf_counter() - away
            await asyncio.sleep(options.seconds)
            asking.is_over = True
            outcome = await running
            again.__exit__(None, None, None)
            return outcome, gone

        outcome, gone = uvloop.run(told())
    said = (
        f"Killed (SIGKILL) under {CLIENTS} clients and started again on the same port: answers again after {gone:.1f} "
        f"s; {outcome.answered} requests answered, {outcome.lost} lost, each with its connection closed (one a client, "
        f"the one under way, at most), {outcome.wrong} wrong, {outcome.extra} duplicated."
    )
    return [said]


def main() -> None:
    """Measure, and print the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--artifact", type=Path, help="a classifier; else one of random weights is made")
    parser.add_argument("--shape", default="6x384", help="of the one that is made: layers x hidden size")
    parser.add_argument("--threads", type=int, default=1, help="of a batch; as many as the server's default")
    parser.add_argument("--workers", type=int, default=machine.physical_cores(), help="batches at once")
    parser.add_argument("--texts", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each side in each round")
    parser.add_argument("--soak", type=float, default=600.0, help="seconds of overload; 0 leaves it out")
    parser.add_argument(
        "--server", nargs="*", default=[], help="further options of limbeck serve, without their dashes"
    )
    parser.add_argument("--result", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    options.server = [f"--{word}" if index % 2 == 0 else word for index, word in enumerate(options.server)]
    options.server += ["--threads", str(options.threads), "--workers", str(options.workers)]
    with tempfile.TemporaryDirectory() as work:
        made = options.artifact or random_artifact(Path(work) / "random", options.shape)
        model = runtime.load(made, threads=options.threads * options.workers)
        say("the runtime's own answers")
        asked = asked_of(model, options.texts, seed=0)
        table, rate = rates(options, made, model, asked)
        parts = [table, latencies(options, made, asked, rate)]
        parts += [soak(options, made, asked)] if options.soak else []
        parts.append(killed(options, made, asked))
    what = f"{options.artifact or options.shape}, {options.threads} threads, {options.workers} workers"
    moved = f"In other company a logit moved by {asked.spread:.3g} at most."
    lines = ["# Serving", "", f"{what}. {moved}", ""]
    for part in parts:
        lines += [*part, ""]
    command = " ".join(["python benchmarks/serving.py", *sys.argv[1:]])
    tell("\n".join([*lines[:-1], *origin(command)]) + "\n", options)


if __name__ == "__main__":
    main()
