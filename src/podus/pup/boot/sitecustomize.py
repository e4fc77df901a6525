"""Starts the pup in a program run by ``podus run``, then gives way to the environment's own sitecustomize, if it has one."""

import _frozen_importlib as _bootstrap
import _frozen_importlib_external as _external
import os
import sys


def _boot() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    sys.path_importer_cache.pop(here, None)
    settings = os.environ.pop("PODUS_BOOT", None)
    if settings is None:
        return
    import marshal

    config = marshal.loads(bytes.fromhex(settings))
    # The program, and what it starts, must find the environment that it was given.
    if config["pythonpath"] is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = config["pythonpath"]
    root = os.path.dirname(os.path.dirname(os.path.dirname(here)))
    before = list(sys.path)
    sys.path.insert(0, root)
    try:
        # Whatever the program hides of the standard library, it has hidden from these two, which need nothing of it.
        from podus.pup import aside, recorder
    finally:
        sys.path[:] = before
    recorder.Recorder(config["include"], stubs=config["stubs"]).install()
    aside.look(config["first"], at_start=True)
    from podus.pup import start

    start.boot(config)


def _give_way() -> None:
    spec = _external.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        # Nothing is to be seen of us: the interpreter takes this for there being no sitecustomize at all.
        raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
    module = _bootstrap.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


try:
    _boot()
except Exception as error:
    print(f"podus: {type(error).__name__}: {error}; the program runs, but can't be updated", file=sys.stderr)
_give_way()
