"""The folder that ships: its manifest, its packed tensors, opened only when whole."""
