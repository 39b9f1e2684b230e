"""Runs on Dask workers of one thread each: a local cluster, or any existing one.

Tasks are sent as JSON, results come back as bytes, and workers need no shared disk with the client. Dask's transport
uses pickle, so anyone who reaches the scheduler can run code on every worker: a cluster must be trusted.
"""

from reproduce.cluster.client import Listener, perform
from reproduce.cluster.messages import Event

__all__ = ["Event", "Listener", "perform"]
