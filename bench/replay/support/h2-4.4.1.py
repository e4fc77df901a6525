"""What only the author of h2 can say: whose settings an object holds. With none named, they are checked as before."""

import podus


def back(settings):
    del settings._client


@podus.mapper("h2.settings:Settings", reverse=back)
def role(settings):
    settings._client = None
