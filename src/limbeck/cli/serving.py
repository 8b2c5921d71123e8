"""`limbeck serve`: artifacts over HTTP, as a command."""

from typing import Annotated

import typer

from limbeck.cli.options import Engine


def serve(
    artifacts: Annotated[
        list[str], typer.Argument(help="Folders that ship, each alone or named: intents=runs/a/artifact.")
    ],
    host: Annotated[str, typer.Option("--host", help="Where to listen; 0.0.0.0 lets others in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, help="0 takes any that is free.")] = 8080,
    token: Annotated[
        str | None,
        typer.Option("--token", envvar="LIMBECK_TOKEN", help="Bearer token that clients must send.", show_envvar=True),
    ] = None,
    engine: Engine = "onnxruntime",
    threads: Annotated[int, typer.Option("--threads", min=0, help="Of a batch; 0 takes the physical cores.")] = 1,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Batches of a model computed at once; 0 as many as fill the cores.")
    ] = 0,
    batch_tokens: Annotated[
        int, typer.Option("--batch-tokens", min=0, help="Texts x longest text of a batch; 0 as the runtime does.")
    ] = 0,
    batch_texts: Annotated[
        int, typer.Option("--batch-texts", min=0, help="Texts of a batch; 0 as the runtime does.")
    ] = 0,
    max_wait_ms: Annotated[
        float, typer.Option("--max-wait-ms", min=0, help="How long a text may wait for others to fill its batch.")
    ] = 0.0,
    max_body: Annotated[str, typer.Option("--max-body", help="Size of one request's body.")] = "2MB",
    max_characters: Annotated[
        int, typer.Option("--max-characters", min=1, help="Characters of one text, both of a pair together.")
    ] = 200_000,
    max_texts: Annotated[int, typer.Option("--max-texts", min=1, help="Texts of one request.")] = 256,
    max_requests: Annotated[int, typer.Option("--max-requests", min=1, help="Requests under way at once.")] = 512,
    queue_tokens: Annotated[
        int, typer.Option("--queue-tokens", min=1, help="Tokens that may wait for a model; more gets 429.")
    ] = 131_072,
    watch: Annotated[
        float, typer.Option("--watch", min=0, help="Look for new artifacts every so many seconds; else at SIGHUP.")
    ] = 0.0,
    drain: Annotated[
        float, typer.Option("--drain", min=0, help="Seconds from the signal to stop until no more is taken.")
    ] = 1.0,
    log_requests: Annotated[bool, typer.Option("--log-requests", help="Log every request.")] = False,
) -> None:
    """Answer over HTTP, in the forms of text-embeddings-inference, OpenAI's embeddings and the hub's InferenceClient.

    Logs are JSON lines on stderr. SIGHUP takes in artifacts that changed, SIGTERM stops once all is answered.

    [bold]Example:[/bold] limbeck serve runs/a/artifact
    {"time": "2026-11-22T03:20:00.000Z", "level": "info", "event": "serving",
    ...
    """
    from limbeck.cli import alone, console
    from limbeck.cli.flags import megabytes
    from limbeck.ground.extras import need

    need("serve", what="Serving an artifact")
    from limbeck.serve.settings import Limits, Settings

    console.silence_libraries()
    limits = Limits(
        body_bytes=int(megabytes(max_body, option="--max-body") * 1e6),
        text_characters=max_characters,
        texts=max_texts,
        queue_tokens=queue_tokens,
        requests=max_requests,
    )
    settings = Settings(
        host=host,
        port=port,
        engine=engine,
        threads=threads,
        workers=workers,
        batch_tokens=batch_tokens,
        batch_texts=batch_texts,
        max_wait_ms=max_wait_ms,
        token=token,
        watch_seconds=watch,
        drain_seconds=drain,
        log_requests=log_requests,
        limits=limits,
    )
    work = alone.Work(artifacts, settings)
    alone.hand_over(work)
    alone.serve(work)
