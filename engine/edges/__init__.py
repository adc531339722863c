"""The outside systems, one place each: mongo (every query), pipelines (every update), s3 (every object)."""
