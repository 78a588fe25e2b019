"""What the server has done so far, for Prometheus."""

import time

from fastapi import FastAPI
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vecsearch.server.state import State

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts requests and measures how long they took.

    Args:
        app: What answers them.
        state: The collections.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self.registry = CollectorRegistry()
        self.registry.register(_Collections(state))
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "vecsearch_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "vecsearch_request_seconds",
            "Seconds from the headers of a request to the end of its answer.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, counted)
        finally:
            # The route and not the path: there are as many paths as there are items.
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if route != "none" else "any"
            self._requests.labels(method, route, str(status)).inc()
            self._seconds.labels(route).observe(time.perf_counter() - started)

    def add_route(self, app: FastAPI) -> None:
        """Serve what was counted."""

        @app.get("/metrics", include_in_schema=False)
        async def metrics() -> Response:
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class _Collections(Collector):
    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> list[GaugeMetricFamily]:
        items = GaugeMetricFamily("vecsearch_items", "Items.", labels=("collection",))
        numbers = GaugeMetricFamily("vecsearch_generation", "Generation.", labels=("collection",))
        for name, served in self._state.served.items():
            items.add_metric((name,), len(served.generation))
            numbers.add_metric((name,), served.generation.number)
        return [items, numbers]
