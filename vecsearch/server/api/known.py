"""Parameters that a route does not have are mistakes, and not passed over."""

from fastapi import Request

from vecsearch.server.problems import Problem
from vecsearch.spelling import did_you_mean


async def only_known(request: Request) -> None:
    """See that a route has every parameter that it was given.

    Raises:
        Problem: It does not have one.
    """
    route = request.scope["route"]
    known = [field.alias for field in route.dependant.query_params]
    for name in request.query_params:
        # Who has a cookie may come with a token that is out of date: that is not for the route.
        if name not in known and name != "token":
            there = f"; there are: {', '.join(known)}" if known else ""
            raise Problem(
                422, f"There is no parameter {name!r} here{there}.{did_you_mean(name, known)}"
            )
