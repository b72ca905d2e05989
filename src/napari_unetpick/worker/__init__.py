"""The engine process: runs the jobs of one viewer; its messages: docs/reference/engine-process.md."""
