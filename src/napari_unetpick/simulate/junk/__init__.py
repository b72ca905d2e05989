"""What lies on the ice besides molecules."""
