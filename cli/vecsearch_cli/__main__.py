"""So that ``python -m vecsearch_cli`` works where the script is not on the path."""

from vecsearch_cli.main import main

main()
