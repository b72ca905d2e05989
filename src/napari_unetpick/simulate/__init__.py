"""Micrographs with known truth, from physics: molecules, poses, optics, ice, camera."""
