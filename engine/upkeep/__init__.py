"""What people need around the engine: reading its state, samples, and the oracle that checks clones."""
