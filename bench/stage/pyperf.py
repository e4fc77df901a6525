"""Stands in for pyperf beside a program of pyperformance: the program itself, as ``__main__``, takes the measurements.

pyperf would start workers of its own; here the process that was started is the one measured, and the one who
started it says over a socket when to run how many loops, so that several processes can take turns. The clock is the CPU
time of the whole process, so that an agent's own thread counts and another process that got the core does not.
"""

import argparse
import json
import os
import socket
from time import process_time as perf_counter

__all__ = ["Runner", "perf_counter", "python_implementation"]


def python_implementation():
    return "cpython"


class Runner:
    """The part of pyperf.Runner that the programs use."""

    _stream = None

    def __init__(self, add_cmdline_args=None, **_):
        self.argparser = argparse.ArgumentParser()
        self.metadata = {}
        self.args = None

    def parse_args(self, args=None):
        self.args = self.argparser.parse_args(args)
        return self.args

    def bench_func(self, name, function, *args, inner_loops=1, **_):
        def timed(loops):
            turns = range(loops)
            begun = perf_counter()
            for _ in turns:
                function(*args)
            return perf_counter() - begun

        self._serve(name, timed)

    def bench_time_func(self, name, function, *args, inner_loops=1, **_):
        self._serve(name, lambda loops: function(loops, *args))

    def bench_async_func(self, name, function, *args, **_):
        raise NotImplementedError(name)

    @classmethod
    def _serve(cls, name, timed):
        """Run ``timed`` with as many loops as each line says; 0 goes on to the next benchmark of the program."""
        if cls._stream is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(os.environ["BENCH_SOCKET"])
            cls._stream = connection.makefile("rwb")
        stream = cls._stream
        answer = name
        while True:
            stream.write(json.dumps(answer).encode() + b"\n")
            stream.flush()
            line = stream.readline()
            if not line:
                raise SystemExit(0)
            loops = json.loads(line)
            if not loops:
                return
            answer = timed(loops)
