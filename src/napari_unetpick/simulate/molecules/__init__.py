"""Molecules as clouds of beads, their poses and projections."""
