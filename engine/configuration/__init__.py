"""Hydra's files (``conf/``), the environment and the command line -> ``Settings``.

::

    loading        what commands use: all of it, or the part that a command needs
      overrides    ``key=value`` of a command line, as Hydra's parser takes it
      composition  the one module that knows Hydra
      schema       what names and types are checked against, derived from ``engine.settings``
      files        where ``conf`` lies, and its groups
    listing        every key, for ``--settings``

Nothing is ever written: no output folder, no log file, no change of directory. No message repeats a value: it may be
a secret, or a secret that was typed behind the wrong key.
"""

from engine.configuration.listing import settings_help
from engine.configuration.loading import Configuration, load

__all__ = ["Configuration", "load", "settings_help"]
