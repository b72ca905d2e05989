"""Picks as RELION, cryoSPARC and other programs take them."""
