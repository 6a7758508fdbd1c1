"""Records, from a provider's file to the two values that are anchored. Pure: bytes in, values out.

    reading -> mapping -> schemas (with identifiers) -> canonical -> commitments

Nothing here keeps a file, opens a connection, reads the environment or knows what a chain is.
"""
