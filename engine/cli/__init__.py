"""``funnel-clone COMMAND [ARGS] [overrides]``: what people and scripts call. Commands are thin; the engine does the work."""

from engine.cli.main import main

__all__ = ["main"]
