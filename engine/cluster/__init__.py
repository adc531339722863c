"""Ray lives here: the driver actor, its tasks, the pool of copy actors. Ray only executes; truth is in MongoDB.

- ``driver``     the actor: one a database in a cluster; runs a pass, tells its progress, stops on request
- ``pass_run``   the pass: takes funnels, keeps the window full, settles what comes back
- ``in_hand``    a funnel of the pass, and what is left of it
- ``tally``      the figures of a pass
- ``metrics``    what Prometheus sees of passes; ``measures`` gathers it in their processes, ``meter`` keeps it
- ``heartbeat``  the one thread that keeps lease, funnels and steps alive
- ``tasks``      what runs in workers: lay out, clone a step, finish
- ``probe``      whether anybody listens at an address
- ``copiers``    the S3-copy actors and the pool over them
"""
