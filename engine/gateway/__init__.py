"""The gateway: what users and operators see. One ASGI process; several may run, each serves its own clients.

- ``serving``     the process: it listens, and ends when it is told; ``parts`` all that runs in it,
                  made of its ``needs``
- ``app``         all calls and sockets put together; ``limits`` of size and time, headers of answers
- ``auth``        who may: users by a signed token, operators by theirs
- ``problems``    every error as a problem document
- ``clones``      clones listed and looked at; ``clone_documents`` their shape; ``asking`` one is asked for;
                  ``actions`` cancelled, retried
- ``trigger``     a pass started by hand; ``rate`` not too often
- ``health``      MongoDB, S3 and Ray, told apart; ``metrics`` for Prometheus
- ``console``     the page for operators
- ``tail``        a thread that follows the database, and feeds the loop
- ``audience``    who is connected, and who hears of what; ``progress`` at most once a second
- ``listener``    one client: what it missed first, then what happens; ``receipts`` what has arrived there;
                  ``backlog`` what it missed
- ``deliveries``  the marks of what was had, written together
- ``sockets``     the Socket.IO server: who is let in; ``presence`` who is put out again
"""
