"""``podus`` and ``python -m podus``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. ``podus run`` goes past it: what the shell imports would count as the program's start-up time."""
    if sys.argv[1:2] == ["run"] and not {"--help", "-h"} & set(sys.argv[2:3]):
        from podus.pup.launch import main as launch

        launch(sys.argv[2:])
    from podus.ush.cli import COMPLETION_VARIABLE, cli

    cli.main(prog_name="podus", complete_var=COMPLETION_VARIABLE)


if __name__ == "__main__":
    if not sys.flags.safe_path:
        # -m has put the working directory first: a json.py that lies there is the program's, not ours.
        del sys.path[0]
    main()
