"""What the plan asks of click 8.2.0."""

import podus


@podus.mapper("click._termui_impl:ProgressBar")
def progress_bar(bar):
    bar._is_atty = not bar.is_hidden
    return bar


@podus.mapper("click.core:Context")
def context(context):
    # What was the list of protected arguments is private now, and the name a property that warns.
    context._protected_args = context.protected_args
    return context


@podus.mapper("click.testing:Result")
def result(result):
    result.output_bytes = result.stdout_bytes
    return result
