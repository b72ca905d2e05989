"""The gallery of particles."""
