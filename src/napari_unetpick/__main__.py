"""Entry of `unetpick` and `python -m napari_unetpick`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; a user's error is one line on stderr and an exit code."""
    from napari_unetpick.cli import app
    from napari_unetpick.errors import UnetPickError

    try:
        app(prog_name="unetpick")
    except UnetPickError as error:
        sys.stderr.write(f"unetpick: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("unetpick: cancelled\n")
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
