"""The sections of the YAML, one file each."""
