"""Imports peewee without psycopg, which only PostgreSQL needs.

peewee and its migrations import psycopg whenever it is installed: 160 ms of CPU, more than a third of a
`tocsin send` to SQLite. The package `tui.store.engine` calls `import_peewee` when it is imported, and the
module of PostgreSQL calls `add_psycopg`.
"""

import importlib
import sys


def import_peewee() -> None:
    if "peewee" in sys.modules or "psycopg" in sys.modules:
        return
    vars(sys)["modules"]["psycopg"] = None  # how the import system marks a module that is not there
    try:
        for name in ("peewee", "playhouse.migrations"):
            importlib.import_module(name)
    finally:
        del sys.modules["psycopg"]


def add_psycopg() -> None:
    """Set what peewee would have set itself. Raises ImportError if psycopg is not installed."""
    import peewee
    import psycopg
    from psycopg.pq import TransactionStatus
    from psycopg.types.json import Json, Jsonb

    adapter = peewee.Psycopg3Adapter
    adapter.txn_idle, adapter.txn_inerror = TransactionStatus.IDLE, TransactionStatus.INERROR
    adapter.txn_unknown = TransactionStatus.UNKNOWN
    peewee.__dict__.update(
        psycopg=psycopg, TransactionStatus=TransactionStatus, Json_pg3=Json, Jsonb_pg3=Jsonb
    )
