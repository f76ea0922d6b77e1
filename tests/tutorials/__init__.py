"""p4lang/tutorials on the embedded switch: `python -m tests.tutorials FOLDER` (see `__main__`)."""
