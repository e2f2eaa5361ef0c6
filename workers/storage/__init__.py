"""The storage engine: a reader and a writer interface, and SQLite behind them."""
