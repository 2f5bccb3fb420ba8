"""The database engines: one store, and all that differs between SQLite and PostgreSQL."""
