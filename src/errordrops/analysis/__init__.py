"""Statistics: tables in, tables out. Nothing here reads a file or trains a network."""
