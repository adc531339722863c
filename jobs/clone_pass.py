"""What ``ray job submit --working-dir . -- python jobs/clone_pass.py [--drain] [KEY=VALUE]...`` runs: a pass.

``funnel-clone pass`` in the cluster that the job is in: Ray says which one it is by RAY_ADDRESS. The last line that it
prints is the pass's JSON document. Secrets come from the environment of the nodes: this line shows in the dashboard.
"""

import sys

from engine.cli import main

if __name__ == "__main__":
    main(["pass", "--json", *sys.argv[1:]])
