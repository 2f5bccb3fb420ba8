"""The tables: models, columns, the word index, and the rules that hold between rows."""
