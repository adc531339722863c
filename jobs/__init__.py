"""What is run from a checkout, a pass by ``ray job submit`` and the scheduler beside it: thin, no logic."""
