"""The YAML surface, typed: what a configuration may hold, read with file and line."""
