"""The paper's own experiment: a packet router that is updated while packets go through it."""
