"""The dock that exports picks."""
