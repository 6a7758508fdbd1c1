"""The command. Presents, decides nothing: what it can do, `creditconnect.Client` can do."""
