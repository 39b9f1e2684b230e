"""Many runs: which are due, what one worker does, how long it takes, and what is told meanwhile."""
