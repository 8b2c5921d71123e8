"""The command line: one function a command, nothing heavy imported until a command runs."""
