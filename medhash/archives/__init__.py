"""Archives of medical images: their published layouts, decoding, DICOM, pseudonyms, what is known of files."""
