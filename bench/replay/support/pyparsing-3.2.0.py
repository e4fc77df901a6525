"""What only the author of pyparsing can say: its data holds line numbers of its own source, by which it tells its errors from others'."""

import podus


@podus.mapper("pyparsing.core:_trim_arity_call_line", reverse=lambda place: None)
def line(place):
    return None


@podus.mapper("pyparsing.core:pa_call_line_synth", reverse=lambda place: ())
def place(place):
    return ()
