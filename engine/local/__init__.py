"""Embedded servers: MongoDB, S3 and Ray on this machine, for the demo, for ``up`` and for the tests.

::

    mongod        a one-member replica set
    seaweed       S3 with one identity and a bucket
    servers       both, started side by side
    keeper        a process that keeps all three after the command that wanted them
      state       where they are, for the commands that come after
    stack         all three for ``up``, which is ended with them
      ray_head    a Ray with dashboard and job server, as ``ray start --head`` makes it
      gateway_secrets  of a folder, made once
    ray_cluster   a Ray of our own, behind a token
      reaper      the program that ends what a Ray leaves behind when we end
      launch      a server on its leash: started, waited for, ended; every failure is one sentence
        leash     the program between us and a server: ends it when we end, however we end
      failures    the sentences
      folders     private folders and files
      ports       free ports

All listen on 127.0.0.1 alone, report to nobody, and keep their logs in the folder they are given.
"""
