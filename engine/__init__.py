"""The map: how a funnel is cloned, a line and a module each.

The data's way, in one direction::

    scan -> claim -> lay out -> clone step (images, forms, chat -> rewrite once) -> commit -> complete

- scan, claim   ``edges/mongo/scan``       what is asked for and due, oldest first, accounts in turns; one atomic update
                                           takes a funnel and raises its epoch, the token that fences every later write
- lay out       ``flow/layout``            the original's structure is read once, what the clone lacks is made (its
                                           steps by ``flow/step_plan``, its images by ``flow/image_plan``); it
                                           ends as a ``FunnelPlan`` that all steps share (``core/model``)
- clone step    ``flow/step``              a page: load, gather, gather, gather, rewrite, commit
  - images      ``flow/images``            copied inside S3 through ``flow/copier``, told as key -> key
  - forms       ``flow/forms``             copied in the database, told as id -> id
  - chat        ``flow/chat``              the clone's own key, told for every key that the page holds
  - find        ``core/references``        where the originals' ids, keys and forms stand: ``core/targets`` are looked
                                           for, read in any spelling (``core/spellings``, of ``core/escapes``) and
                                           judged by what surrounds them (``core/boundaries``); ``core/chat`` keys
  - rewrite     ``core/rewrite``           all of them replaced in one pass over the original text
- commit        ``edges/mongo/pages``      forms, components and page in one transaction under the epoch
- complete      ``flow/complete``          flags cleared and users' event put into the outbox in one transaction

Around it:

- ``cluster/``       Ray: the driver that holds the window of steps, the tasks, the pool that copies objects; beside
                     the driver ``cluster/heartbeat`` keeps what is in work, ``cluster/lookout`` ends what was cancelled
- ``cluster/metrics``  what is counted, by name; ``cluster/meter`` keeps it from pass to pass, for Prometheus
- ``cluster/submit``  a pass as a Ray job: submitted, followed, read back; ``jobs/`` at the top is what Ray then runs
- ``cluster/schedule``  such a job on every tick, one a tick however many schedulers; APScheduler is the clock
- ``edges/mongo/``   every query and every write, one duty a module; ``edges/pipelines`` the updates as plain values
- ``edges/s3/``      every request to the object store
- ``core/``          pure: no I/O, no clock, no randomness (``identity``, ``policy``, ``window``, ``backpressure``)
- ``gateway/``       Socket.IO, the clone API and the console: outbox and progress to those whom they concern
- ``local/``         the embedded MongoDB, S3 and Ray of demo and tests; ``local/keeper`` leaves them running,
                     ``local/stack`` is what ``up`` runs
- ``upkeep/``        sample funnels, the demo, and the one oracle of what a sound clone is
  - plan        ``upkeep/plan``       what a clone would do, and what is in its way; writes nothing
  - verify      ``upkeep/verify``     a clone proved against its original; ``upkeep/invariants`` says what sound is
  - cancel      ``upkeep/cancel``     a clone ends whoever works on it; ``edges/mongo/cancels`` takes their fence away
  - retry       ``upkeep/retry``      an ended clone goes on where it stands; ``edges/mongo/retries`` compares first
  - undo        ``upkeep/undo``       what a clone made goes, by its own records; ``edges/mongo/undo`` is the fence,
                                      ``edges/mongo/undo_parts`` says what is its own, ``undo_edits`` what was edited
  - repair      ``upkeep/repair``     a clone of the old system mended; ``edges/mongo/repair`` compares and sets
  - ingest      ``upkeep/ingest``     a folder of HTML pages becomes a funnel; ``edges/mongo/ingest`` writes it
- ``settings/``      every setting, by what it is of: servers, work, gateway, how it is run
- ``configuration``  Hydra's files, overrides and environment -> ``settings``; ``wiring`` makes live clients of them
- ``telemetry``      every event that is logged, by name
- ``crash_points``   a name behind every effect of a pass or an undo, for the fault kit to strike at; usually off
- ``cli/``           the command ``funnel-clone``

Imports go one way: cli > configuration > gateway > upkeep > cluster, local > wiring > flow > edges > telemetry >
settings > crash_points > core.

Truth lies in MongoDB alone. Ray executes, S3 stores; a cluster, a driver or a worker can be thrown away at any time,
and the next pass goes on where the documents say that it stood. docs/state_machine.md names every state and arrow,
docs/contract.md what the rest of the world relies on, docs/adr why it is so.
"""

__version__ = "0.1.0"
