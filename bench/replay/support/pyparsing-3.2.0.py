"""What only the author of pyparsing can say: its data holds a line number of its own source, by which it tells its errors from others'."""

import podus


@podus.mapper("pyparsing.core:_trim_arity_call_line", reverse=lambda place: None)
def line(place):
    return None
