"""What an evaluation is made of: picks and truth from files, exclusion, minimum distance."""
