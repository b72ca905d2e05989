"""Entry of `unetpick` and `python -m napari_unetpick`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; a user's error is one line on stderr and an exit code."""
    # Threads that wait for each other by spinning make training ten times slower as soon as
    # anything else (a viewer) wants a core; asleep they cost next to nothing. Read by OpenMP
    # when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.argv[1:] == ["worker"]:  # no command: the viewer's engine process
        from napari_unetpick.worker.main import main as work

        sys.exit(work())
    from napari_unetpick.cli import run
    from napari_unetpick.cli.progress import let_first_say, signals_as_exits
    from napari_unetpick.errors import InputError, ModelError, UnetPickError

    try:
        with signals_as_exits():
            sys.exit(run())
    except UnetPickError as error:
        if isinstance(error, InputError | ModelError):  # what all were given
            let_first_say()
        sys.stderr.write(f"unetpick: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("unetpick: cancelled\n")
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:  # a bug: one line for the user, all of it for who will mend it
        if os.environ.get("UNETPICK_DEBUG"):
            raise
        from napari_unetpick.engine.failures import machine_error

        if told := machine_error(error, sys.argv[1] if len(sys.argv) > 1 else ""):
            sys.stderr.write(f"unetpick: {told}\n")
            sys.exit(told.exit_code)
        sys.stderr.write(
            f"unetpick: unexpected {type(error).__name__}: {error}; this is a bug, please report "
            "it with what UNETPICK_DEBUG=1 in the environment makes this command print\n"
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
