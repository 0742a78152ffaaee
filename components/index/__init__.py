"""Stage index: codes of the gallery → a FAISS binary index that answers exactly."""
