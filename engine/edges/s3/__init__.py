"""Every request to the object store.

::

    objects       head, list, read, put, delete, and whether a bucket can be used at all
    in_process    copies many objects, in threads of this process
      joining     one copy for each destination, whoever asks and how often (D9)
        turns     as many tries at once as the store takes (``core/backpressure``), again until the deadline
          backoff   what waits for its next try
          copier    one try for one object: which way its copy goes
            parts   an object that is too large for one request
    answers       errors of both libraries as the engine's own, in one place
    clients       both libraries' clients

Importing this costs nothing: both libraries are loaded when a client is made.
"""

from engine.edges.s3.copier import ObjectCopier
from engine.edges.s3.in_process import InProcessCopier
from engine.edges.s3.joining import JoiningCopier
from engine.edges.s3.objects import ObjectHead, Objects

__all__ = ["InProcessCopier", "JoiningCopier", "ObjectCopier", "ObjectHead", "Objects"]
