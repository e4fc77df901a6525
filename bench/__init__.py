"""What podus costs, measured: ratios against plain Python and against other reloaders, in one run (``make bench``)."""
