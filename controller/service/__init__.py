"""Headroom as a daemon: a lock, a loop that ends cleanly, metrics and health on loopback, structured logs.

Place in the line: around ``workflow.run``, below the command line. A schedule in CI needs the lock alone.
"""
