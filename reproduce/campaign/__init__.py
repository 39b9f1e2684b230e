"""Campaigns of many runs: which are due, what one worker does, how long it takes, and reports of progress."""
