"""``python jobs/schedule.py [KEY=VALUE]...``: the scheduler, as ``funnel-clone schedule``, from a checkout.

It runs beside the cluster, not in it: it submits a job on every tick, and has to be there when the cluster is not.
"""

import sys

from engine.cli import main

if __name__ == "__main__":
    main(["schedule", "--json", *sys.argv[1:]])
