"""``python -m engine.cli``: the command, where its script is not on the PATH; what a Ray job runs."""

from engine.cli.main import main

main()
