"""MongoDB: every query and every write of the engine stands in this package, one duty a module.

- ``client``      connection, codec, write concern; errors told apart
- ``scan``        candidates and their claim: one atomic update a funnel
- ``leases``      one pass per database; the heartbeat's bulk writes
- ``structure``   what the layout reads and makes
- ``pages``       what a step reads and writes
- ``ends``        how a funnel ends: flags and event in one transaction
- ``cancels``     a clone ends because somebody says so
- ``retries``     an ended clone is asked for again: compared, then flagged
- ``passes``      the record of each pass
- ``requests``    asking for clones; ``once`` asks once a key
- ``outbox``      notifications as those who listen read them, and the mark that they had them
- ``changes``     the change stream of notifications and clones
- ``users``       who may listen
- ``retention``   how long notifications are kept
- ``listing``     clones by page, state, account and name
- ``repair``      a repair's compare-and-set writes; ``repair_reads`` what it reads, ``repair_sizes`` what is too large
- ``indexes``     the engine's own and the shared collections' indexes
- ``planning``    what ``plan`` asks beyond them: sizes, names of forms
- ``reads``       what people look at; never used for a decision
"""
