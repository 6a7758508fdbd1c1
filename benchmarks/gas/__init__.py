"""Gas a record: of our registry, of what others use for the same, and of the least that the EVM asks."""
