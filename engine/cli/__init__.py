"""``funnel-clone COMMAND [ARGS] [overrides]``: what people and scripts call; thin."""

from engine.cli.main import main

__all__ = ["main"]
