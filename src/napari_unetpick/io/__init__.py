"""Files <-> plain data; no torch, no Qt."""
