"""A small OpenAI-compatible server: a dense or changed model, really generating, behind uvicorn.

::

    python -m tests.openai_server --model glass-en --plan 1:drop --dataset python-docs --store DIR

One sequence at a time, greedy. It writes the port that it listens on as its first line, and stops
when its standard input ends, so that it never outlives whoever started it.
"""

import argparse
import json
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse, StreamingResponse

from linearity.adapters.hugging_face import load_model
from linearity.adapters.inputs import load_records, prepare_dataset, prepare_model
from linearity.adapters.store import ArtifactStore
from linearity.contracts.actions import parse_plan
from linearity.contracts.common import parse_sampling
from linearity.contracts.inputs import Message
from linearity.models.loaded import LoadedModel
from linearity.models.surgery import carried_out
from linearity.studies.material import Material

SOFTWARE = "linearscope-test-server"


class Generating:
    """Answers one request after the other with the network as it is now."""

    def __init__(self, model: LoadedModel, name: str) -> None:
        self.model, self.name = model, name
        self._one_at_a_time = threading.Lock()

    def ids(self, body: dict[str, Any]) -> list[int]:
        """Return what the model reads."""
        if "messages" in body:
            said = tuple(Message(str(m["role"]), str(m["content"])) for m in body["messages"])
            rendered = self.model.template.asked([said])[0] if self.model.template else None
            text = rendered or "\n".join(message.content for message in said)
        else:
            text = str(body["prompt"])
        return self.model.tokenize(text)

    def tokens(self, ids: list[int], most: int, *, ignore_eos: bool) -> Iterator[int]:
        """Yield token by token, as soon as each is known."""
        found: queue.Queue[int | None] = queue.Queue()

        class Streamer:
            """Passes on what `generate` puts in; the prompt comes first, as a batch."""

            def put(self, value: torch.Tensor) -> None:
                if value.dim() == 1:
                    found.put(int(value[0]))

            def end(self) -> None:
                """Nothing: the thread says when it ends."""

        def generate() -> None:
            stops = None if ignore_eos else list(self.model.stops) or None
            try:
                with self._one_at_a_time, torch.inference_mode():
                    self.model.network.generate(  # type: ignore[operator]  # of transformers
                        input_ids=torch.tensor([ids], device=self.model.device),
                        attention_mask=torch.ones(
                            (1, len(ids)), dtype=torch.long, device=self.model.device
                        ),
                        max_new_tokens=most,
                        do_sample=False,
                        eos_token_id=stops,
                        pad_token_id=0,
                        streamer=Streamer(),
                    )
            finally:
                found.put(None)

        thread = threading.Thread(target=generate, daemon=True)
        thread.start()
        while (token := found.get()) is not None:
            yield token
        thread.join()


def make_app(generating: Generating) -> FastAPI:
    """Return the addresses of the server."""
    app = FastAPI()
    name = generating.name

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": SOFTWARE}]}

    @app.get("/version")
    def version() -> dict[str, str]:
        return {"version": "1"}

    @app.post("/v1/completions")
    def completions(body: dict[str, Any]) -> Any:
        return _answered(generating, body, chat=False)

    @app.post("/v1/chat/completions")
    def chat(body: dict[str, Any]) -> Any:
        return _answered(generating, body, chat=True)

    return app


def _answered(generating: Generating, body: dict[str, Any], *, chat: bool) -> Any:
    if body.get("model") != generating.name:
        missing = {"message": "no such model", "type": "NotFoundError", "code": 404}
        return JSONResponse({"error": missing}, 404)
    return StreamingResponse(_events(generating, body, chat), media_type="text/event-stream")


def _events(generating: Generating, body: dict[str, Any], chat: bool) -> Iterator[str]:
    ids = generating.ids(body)
    most = int(body["max_tokens"])
    counts = (body.get("stream_options") or {}).get("include_usage", False)
    shared = {"id": "x", "created": int(time.time()), "model": generating.name}
    total = 0
    for token in generating.tokens(ids, most, ignore_eos=bool(body.get("ignore_eos"))):
        total += 1
        yield _event({**shared, "choices": [_choice(generating.model.detokenize([token]), chat)]})
    reason = "length" if total == most else "stop"
    yield _event({**shared, "choices": [_choice("", chat) | {"finish_reason": reason}]})
    if counts:
        usage = {"prompt_tokens": len(ids), "completion_tokens": total}
        yield _event({**shared, "choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


def _choice(text: str, chat: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"delta": {"content": text}} if chat else {"text": text}
    return {"index": 0, "finish_reason": None} | said


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="glass-en")
    parser.add_argument("--name", help="served name; the model's own by default")
    parser.add_argument("--plan", default="", help="what is changed; nothing by default")
    parser.add_argument("--dataset", default="python-docs", help="text that maps are fitted on")
    parser.add_argument("--store", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    given = parser.parse_args()
    store = ArtifactStore(Path(given.store))
    record = prepare_model(given.model, store=store, roots=None, log=_say)
    model = load_model(record, store, device=given.device, dtype=given.dtype, attention="sdpa")
    generating = Generating(model, given.name or record.id)
    if not given.plan:
        _serve(generating, given.port)
        return
    texts = load_records(prepare_dataset(given.dataset, store=store, roots=None, log=_say), store)
    plan = parse_plan(given.plan, blocks=record.blocks)
    fits = any(step.action != "drop" for step in plan.steps)
    material = Material.of(model, texts, parse_sampling({}, model=record, fits=fits))
    with carried_out(model, material.build(plan, "one_shot").changes):
        _serve(generating, given.port)


def _serve(generating: Generating, port: int) -> None:
    listening = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(make_app(generating), log_level="warning"))
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    server.run([listening])


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    main()
