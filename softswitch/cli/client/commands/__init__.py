"""The commands: each module is one, or those of one kind of object, and reads options and prints."""
