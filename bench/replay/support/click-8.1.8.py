"""What the plan asks of click 8.1.8: an error keeps how it was to be shown; one that is there already is shown as is usual."""

import podus


@podus.mapper("click.exceptions:ClickException")
def error(error):
    error.show_color = None
    return error
