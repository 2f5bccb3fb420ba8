"""An open store, and everything that differs between SQLite and PostgreSQL."""
