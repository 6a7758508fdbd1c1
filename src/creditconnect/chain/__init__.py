"""The chain's side of the client: keys, transport and the contract's words. What is sent and followed is `exchange`."""
