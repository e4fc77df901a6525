"""A packet router: what happens to a packet between two UDP ports."""
