"""What an institution keeps and hands over: its database, its keys for data at rest, its records, its packages."""
