"""A package that cannot be imported."""

raise RuntimeError("the weights are not where they were")
