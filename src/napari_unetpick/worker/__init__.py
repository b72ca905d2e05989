"""The engine process: runs the jobs of one viewer (docs/reference/engine-process.md)."""
