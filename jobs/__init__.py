"""What ``ray job submit`` runs from a checkout: thin, no logic."""
