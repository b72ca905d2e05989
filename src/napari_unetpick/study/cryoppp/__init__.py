"""The CryoPPP benchmark: one command for whoever has the data."""
