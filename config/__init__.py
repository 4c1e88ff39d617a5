"""What an operator may set, and where it may be set: file, environment, arguments."""
