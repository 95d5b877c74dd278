"""The database: trades, events and what else must outlive the process, in SQLite."""
