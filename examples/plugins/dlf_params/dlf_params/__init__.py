"""The command dlf params: the tensors in a file."""
