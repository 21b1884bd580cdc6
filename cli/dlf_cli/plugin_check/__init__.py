"""What `dlf plugin check` looks at, one file for each thing.

The project's or distribution's metadata is read here; its code runs in child processes only, with a
time limit each.
"""
