"""The conformance suite: what happens to a running program when a commit is applied to it, one scenario a change.

``scenario`` says what a scenario is; the other files hold them, grouped by what changes. ``child`` is the process that a scenario
runs in, ``tools`` what updates it (podus, or one of the tools that it is compared with), ``run`` starts it.
"""
