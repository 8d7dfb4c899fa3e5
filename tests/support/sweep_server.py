"""A W&B server on loopback that speaks just what ``wandb sweep`` and ``wandb agent`` need.

It goes through the values that a parameter lists, or takes those of a range, and can stop a trial.
"""

import gzip
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

ENTITY, PROJECT, SWEEP = "team", "mpi_cascade", "abcd1234"


class SweepServer:
    """Serves one sweep while it is entered.

    Args:
        num_trials: Trials until the agent is told to exit.
        values: Returns the metric of every trial that has logged it, in their order.
        endless: Further arguments of the last trial, which is told to stop once it has logged the
            metric; empty if it ends by itself.
    """

    def __init__(
        self,
        num_trials: int,
        values: Callable[[], list[float]],
        endless: Mapping[str, Any] | None = None,
    ) -> None:
        self.num_trials = num_trials
        self.values = values
        self.endless = endless or {}
        self.config: dict[str, Any] = {}
        self.trials: list[dict[str, Any]] = []
        self.unknown: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "SweepServer":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Returns the data of one operation."""
        operations = {
            "UpsertSweep": self._upsert,
            "SweepWithRuns": self._sweep,
            "CreateAgent": lambda _: {"createAgent": {"agent": {"id": "agent"}}},
            "Heartbeat": self._heartbeat,
        }
        for name, operation in operations.items():
            if name in query:
                return operation(variables)
        if "viewer" in query:
            return {"viewer": _VIEWER}
        self.unknown.append(query)
        return {}

    def _upsert(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.config = yaml.safe_load(variables["config"])
        project = {"id": "1", "name": PROJECT, "entity": {"id": "1", "name": ENTITY}}
        return {
            "upsertSweep": {
                "sweep": {"name": SWEEP, "project": project},
                "configValidationWarnings": [],
            }
        }

    def _sweep(self, variables: dict[str, Any]) -> dict[str, Any]:
        text = yaml.safe_dump(self.config)
        return {
            "project": {"sweep": {"id": "1", "name": SWEEP, "config": text, "runs": {"edges": []}}}
        }

    def _heartbeat(self, variables: dict[str, Any]) -> dict[str, Any]:
        running = json.loads(variables["runState"])
        if running:
            number = self.trials[-1]["run_id"]
            commands = [{"type": "stop", "run_id": number}] if self._stops_now() else []
        elif len(self.trials) < self.num_trials:
            commands = [self._next()]
        else:
            commands = [{"type": "exit"}]
        return {"agentHeartbeat": {"agent": {"id": "agent"}, "commands": json.dumps(commands)}}

    def _stops_now(self) -> bool:
        is_last = len(self.trials) == self.num_trials
        return bool(self.endless) and is_last and len(self.values()) == self.num_trials

    def _next(self) -> dict[str, Any]:
        searched = self.config["parameters"]
        combinations = itertools.product(*map(_values, searched.values()))
        chosen = next(itertools.islice(combinations, len(self.trials), None))
        arguments = dict(zip(searched, chosen, strict=True))
        if len(self.trials) == self.num_trials - 1:
            arguments |= self.endless
        trial = {
            "type": "run",
            "run_id": f"trial{len(self.trials)}",
            "program": self.config["program"],
            "args": {name: {"value": value} for name, value in sorted(arguments.items())},
        }
        self.trials.append(trial)
        return trial

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                data: dict[str, Any] = {}
                if self.path == "/graphql":
                    request = json.loads(body)
                    data = {"data": server.answer(request["query"], request.get("variables") or {})}
                content = json.dumps(data).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler


_VIEWER = {
    "id": "1", "entity": ENTITY, "username": "someone", "name": "Someone", "email": "",
    "flags": "{}", "admin": False, "accountType": None, "photoUrl": None, "deletedAt": None,
    "teams": {"edges": [{"node": {"name": ENTITY}}]}, "apiKeys": {"edges": []},
    "organizations": [],
}  # fmt: skip


def _values(searched: Mapping[str, Any]) -> list[Any]:
    if "value" in searched:
        return [searched["value"]]
    return searched.get("values") or [searched["min"], searched["max"]]
