"""A route that costs less than the search that it is for."""

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response


class QuickRoute(APIRoute):
    """Takes all of the query string at once, as one pydantic model.

    Its endpoint is declared as any other, ``(request, name, asked)``, and described as any other in
    the OpenAPI document. FastAPI itself looks at one parameter after the other at each request,
    which takes ten times as long as a search by an approximate index.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        endpoint: Any = self.endpoint
        model: type[BaseModel] = get_type_hints(endpoint)["asked"]
        several = frozenset(
            name for name, field in model.model_fields.items() if field.default == []
        )

        async def handle(request: Request) -> Response:
            given: dict[str, Any] = {}
            for name, value in request.query_params.multi_items():
                if name in several:
                    given.setdefault(name, []).append(value)
                else:
                    given[name] = value
            asked = model.model_validate(given)
            response: Response = await endpoint(request, request.path_params["name"], asked)
            return response

        return handle
