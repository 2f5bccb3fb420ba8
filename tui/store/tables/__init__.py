"""The tables: models, columns, the word index, and what must hold between rows."""
