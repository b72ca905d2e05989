"""The engine process: runs the jobs of one viewer; its messages: docs/engine-process.md."""
