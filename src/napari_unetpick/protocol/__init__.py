"""What viewer and engine process say to each other: messages and requests, for both sides."""
