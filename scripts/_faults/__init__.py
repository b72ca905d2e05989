"""What the fault scripts share: planted projects, a program that can be hurt, and the faults."""
