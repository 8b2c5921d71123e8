"""What limbeck knows of encoders: families, parts, pooling, heads, and where a student comes from."""
