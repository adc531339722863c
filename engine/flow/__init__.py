"""The story, in the order of the data: layout, step (images, forms, chat, then one rewrite), complete.

Knows the edges and the core; knows nothing of Ray: the same functions run in a task and in a test.
"""
