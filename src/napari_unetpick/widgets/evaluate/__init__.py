"""The Evaluate dock: metrics, false positives, comparison."""
