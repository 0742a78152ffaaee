"""The audit log: who did what to the champion, its data and its patients, and when; append-only."""
