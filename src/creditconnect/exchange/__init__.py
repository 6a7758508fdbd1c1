"""What is sent to the chain, exactly once, and what came back from it, as it came."""
