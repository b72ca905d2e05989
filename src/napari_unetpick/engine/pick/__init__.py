"""Picking: score maps, candidates, picks."""
