"""Who may do what, and who did it: users, sessions, API tokens, and the record of every change."""
