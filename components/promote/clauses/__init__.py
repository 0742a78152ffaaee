"""The clauses of the promotion rule: one subject per file, each a plain function of figures and limits."""
