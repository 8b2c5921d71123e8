"""What a task is: one file a task, each with the columns of a row, what an answer is, and which metric scores it."""
