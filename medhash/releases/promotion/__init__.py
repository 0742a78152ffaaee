"""Promotion: challenger against champion, clause by clause, and the record of the decision."""
