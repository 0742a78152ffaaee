"""The watch over the archive: does it differ from what was ingested, and has it come to rest?"""
