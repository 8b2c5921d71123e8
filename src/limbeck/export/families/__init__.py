"""One file a family: where its weights live, and how it differs from the others."""
