"""Self-training: rounds of pseudo-labels, each accepted only if validation improves."""
