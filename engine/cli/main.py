"""The command group, and the one place where errors become exit codes."""

import os
import sys
from collections.abc import Sequence

import click

from engine import __version__
from engine.cli.cancel import cancel
from engine.cli.command import EXIT_PROBLEMS, EXIT_UNREACHABLE, EXIT_USAGE, print_error
from engine.cli.demo import demo
from engine.cli.down import down
from engine.cli.import_funnel import import_funnel
from engine.cli.init import init
from engine.cli.plan import plan
from engine.cli.repair import repair
from engine.cli.request import request
from engine.cli.retry import retry
from engine.cli.run_pass import run_pass
from engine.cli.schedule import schedule
from engine.cli.serve import serve
from engine.cli.status import status
from engine.cli.submit import submit
from engine.cli.undo import undo
from engine.cli.up import up
from engine.cli.verify import verify
from engine.core.errors import CloneError, ConfigError, ServiceUnreachable, TransientError

_INTERRUPTED = 130

HELP = """Clones funnels: pages, images inside S3, forms, chat keys; nothing lost, nothing twice.

Settings follow a command as KEY=VALUE (Hydra overrides), or come from the environment; see COMMAND --help.

\b
Exit status:
  0  done (also: refused, because another pass runs)
  1  the work found problems: a funnel failed or completed with errors
  2  wrong usage or configuration, unknown id, a clone in a state that the command is not for
  3  a service that is needed cannot be reached
"""


@click.group(help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="funnel-clone")
def cli() -> None:
    """Group the commands."""


for command in (
    *(cancel, demo, down, import_funnel, init, plan, repair),
    *(request, retry, run_pass, schedule, serve, status, submit, undo, up, verify),
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        status_ = cli.main(given, prog_name="funnel-clone", standalone_mode=False)
        code = status_ if isinstance(status_, int) else 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = print_error(error.format_message(), EXIT_USAGE, as_json=as_json, shown=True)
    except (click.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except ConfigError as error:
        code = print_error(str(error), EXIT_USAGE, as_json=as_json, key=error.key)
    except (ServiceUnreachable, TransientError) as error:
        code = print_error(str(error), EXIT_UNREACHABLE, as_json=as_json)
    except CloneError as error:
        code = print_error(str(error), EXIT_PROBLEMS, as_json=as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_PROBLEMS
    sys.exit(code)
