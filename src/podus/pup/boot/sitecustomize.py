"""Starts the pup in a program run by ``podus run``, then gives way to the environment's own sitecustomize, if it has one."""

import os
import sys


def _boot() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    settings = os.environ.pop("PODUS_BOOT", None)
    if settings is None:
        return
    import json

    config = json.loads(settings)
    # The program, and what it starts, must find the environment that it was given.
    if config["pythonpath"] is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = config["pythonpath"]
    root = os.path.dirname(os.path.dirname(os.path.dirname(here)))
    sys.path.insert(0, root)
    try:
        from podus.pup import start
    finally:
        sys.path.remove(root)
    start.boot(config)


def _give_way() -> None:
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_boot()
_give_way()
